//! What the deployment says about itself: its metrics, read every few seconds.

use std::{collections::VecDeque, time::Duration};

use reqwest::Url;
use tokio::sync::mpsc;

use super::Clock;
use crate::{
    observe::{Event, ServerSample},
    plan::Label,
};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A listener that tells how a part of the deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    url: Url,
    name: Label,
}

impl std::str::FromStr for Source {
    type Err = String;

    /// `http://127.0.0.1:9090/metrics`, or without the path.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text).map_err(|error| error.to_string())?;
        let host = url.host_str().ok_or("it names no host")?;
        let name = match url.port() {
            Some(port) => format!("{host}:{port}").parse()?,
            None => host.parse()?,
        };
        if url.path() == "/" {
            url.set_path("/metrics");
        }
        Ok(Self { url, name })
    }
}

/// Reads the metrics of `source` until nobody listens to `events` any more.
pub async fn scrape(source: Source, clock: Clock, events: mpsc::UnboundedSender<Event>) {
    let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap_or_default();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cpu = CpuTime::default();
    loop {
        ticks.tick().await;
        // A deployment that does not answer is seen by its calls; a gap in the chart is enough here.
        let Ok(answer) = http.get(source.url.clone()).send().await else { continue };
        let Ok(text) = answer.text().await else { continue };
        let now = clock.now();
        let said = Said::read(&text);
        let cpu = said.cpu_seconds.and_then(|used| cpu.cores(now, used));
        let sample = said.sample(now, source.name.clone(), cpu);
        if events.send(Event::Server(sample)).is_err() {
            return;
        }
    }
}

/// CPU time that a process has told. Most tell whole seconds: over a few of them nothing is known yet.
#[derive(Debug, Default)]
struct CpuTime(VecDeque<(Duration, f64)>);

impl CpuTime {
    /// Over so much time a second more or less is a tenth of a core.
    const SPAN: Duration = Duration::from_secs(10);

    /// Cores used of late, now that `used` seconds are told; none as long as that is too short.
    fn cores(&mut self, now: Duration, used: f64) -> Option<f64> {
        // A restarted process counts from nothing.
        if self.0.back().is_some_and(|(_, last)| used < *last) {
            self.0.clear();
        }
        self.0.push_back((now, used));
        while self.0.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= Self::SPAN) {
            self.0.pop_front();
        }
        let (at, before) = *self.0.front()?;
        let span = now.saturating_sub(at);
        (span >= Self::SPAN).then(|| (used - before) / span.as_secs_f64())
    }
}

/// What a page of metrics says.
#[derive(Debug, Default, PartialEq)]
struct Said {
    version: Option<String>,
    cpu_seconds: Option<f64>,
    memory: Option<f64>,
    fds: Option<f64>,
    calls: Option<f64>,
    legs: Option<f64>,
    load: Option<f64>,
}

impl Said {
    /// Reads Prometheus' text format, as far as it is of interest here.
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            let slot = match name {
                "signaling_build_info" | "sfu_build_info" => {
                    let version = labels.split(',').find_map(|label| {
                        label.trim_end_matches('}').strip_prefix("version=\"")?.strip_suffix('"')
                    });
                    said.version = said.version.or(version.map(str::to_owned));
                    continue;
                }
                "sfu_load_ratio" => {
                    said.load = Some(said.load.map_or(value, |load| load.max(value)));
                    continue;
                }
                "process_cpu_seconds_total" => &mut said.cpu_seconds,
                "process_resident_memory_bytes" => &mut said.memory,
                "process_open_fds" => &mut said.fds,
                "signaling_calls" => &mut said.calls,
                "signaling_legs" => &mut said.legs,
                // A node by itself; one that is embedded says the same as its signaling.
                "sfu_calls" if said.calls.is_none() => &mut said.calls,
                "sfu_legs" if said.legs.is_none() => &mut said.legs,
                _ => continue,
            };
            *slot = Some(value);
        }
        said
    }

    fn sample(self, at: Duration, source: Label, cpu: Option<f64>) -> ServerSample {
        let whole = |value: Option<f64>| value.map(|value| value as u64);
        ServerSample {
            at,
            source,
            version: self.version,
            cpu,
            memory: whole(self.memory),
            fds: whole(self.fds),
            calls: whole(self.calls),
            legs: whole(self.legs),
            load: self.load,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_metrics_is_read() {
        let said = Said::read(
            "# HELP signaling_calls Calls.\n# TYPE signaling_calls gauge\nsignaling_calls 3\n\
             signaling_build_info{protocol=\"3\",version=\"0.1.0\"} 1\n\
             sfu_calls 4\nsfu_load_ratio 0.25\nprocess_cpu_seconds_total 12.5\n\
             process_open_fds 33\nprocess_resident_memory_bytes 6.4e7\nnonsense\nx NaN\n",
        );
        assert_eq!(
            said,
            Said {
                version: Some("0.1.0".into()),
                cpu_seconds: Some(12.5),
                memory: Some(6.4e7),
                fds: Some(33.0),
                calls: Some(3.0),
                legs: None,
                load: Some(0.25),
            }
        );
    }

    #[test]
    fn whole_seconds_of_cpu_time_become_cores() {
        let mut cpu = CpuTime::default();
        let told: Vec<Option<f64>> = (0..20)
            .map(|look| cpu.cores(EVERY * look, (0.25 * f64::from(look * 2)).floor()))
            .collect();
        assert!(told[..5].iter().all(Option::is_none));
        assert!(
            told[5..].iter().all(|c| c.is_some_and(|c| (0.15..=0.35).contains(&c))),
            "{told:?}"
        );

        assert_eq!(cpu.cores(EVERY * 20, 0.0), None, "it was restarted");
    }

    #[test]
    fn a_page_of_something_else_says_nothing() {
        assert_eq!(Said::read("<!doctype html>\n<p>hello 1\n"), Said::default());
    }
}
