//! Processes beside ours: started on a core of their own, and what the kernel says about them.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A child that has not ended by then after it was asked is killed.
const FAREWELL: Duration = Duration::from_secs(2);

/// A core of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu(pub usize);

/// Where a forwarder runs.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its core.
    pub cpu: Cpu,
    /// Its network namespace, when it is not ours.
    pub namespace: Option<PathBuf>,
}

/// A command that will run there only. `program` keeps the process id: it is executed, not started.
pub fn placed(place: &Place, program: &Path) -> Command {
    let mut command = Command::new(if place.namespace.is_some() { "nsenter" } else { "taskset" });
    if let Some(namespace) = &place.namespace {
        let mut net = OsString::from("--net=");
        net.push(namespace);
        command.arg(net).arg("taskset");
    }
    command.arg("--cpu-list").arg(place.cpu.0.to_string()).arg(program).stdin(Stdio::null());
    command
}

/// Moves this process to one core.
pub fn pin_self(cpu: Cpu) -> io::Result<()> {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &cpu.0.to_string(), &pid])
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("taskset cannot pin us")) }
}

/// Processor time of a process so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    /// All of it, by the scheduler's own clock.
    pub total: Duration,
    /// Share of it in user mode: sampled at ticks, so coarse.
    pub user_share: f64,
    ticks: (u64, u64),
}

impl CpuTime {
    /// Of all living threads of a process.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end while we look.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            let run = text.split_ascii_whitespace().next().and_then(|run| run.parse().ok());
            total += run.unwrap_or(0);
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field, the name in parentheses, may contain anything.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let field = |number: usize| -> u64 {
            after.split_ascii_whitespace().nth(number).and_then(|n| n.parse().ok()).unwrap_or(0)
        };
        Ok(Self {
            total: Duration::from_nanos(total),
            user_share: 0.0,
            ticks: (field(11), field(12)),
        })
    }

    /// Of several processes together.
    pub fn of_all(pids: &[u32]) -> io::Result<Self> {
        pids.iter().try_fold(Self::default(), |sum, &pid| {
            let one = Self::of(pid)?;
            let ticks = (sum.ticks.0 + one.ticks.0, sum.ticks.1 + one.ticks.1);
            Ok(Self { total: sum.total + one.total, user_share: 0.0, ticks })
        })
    }

    /// What was used since `before`.
    pub fn since(self, before: Self) -> Self {
        let user = self.ticks.0 - before.ticks.0;
        let system = self.ticks.1 - before.ticks.1;
        Self {
            total: self.total.saturating_sub(before.total),
            user_share: user as f64 / (user + system).max(1) as f64,
            ticks: (user, system),
        }
    }
}

/// Processor time of the calling thread.
pub fn of_this_thread() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let run = text.split_ascii_whitespace().next().and_then(|run| run.parse().ok());
    Duration::from_nanos(run.unwrap_or(0))
}

/// Resident memory of a process in bytes.
pub fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1_024).ok_or_else(|| io::Error::other("no VmRSS"))
}

/// Datagrams that the kernel dropped at the UDP sockets of a process, because it did not take them in
/// time.
pub fn receive_drops(pid: u32) -> u64 {
    let Ok(handles) = fs::read_dir(format!("/proc/{pid}/fd")) else { return 0 };
    let inodes: HashSet<String> = handles
        .filter_map(|handle| {
            let link = fs::read_link(handle.ok()?.path()).ok()?;
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    ["udp", "udp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .flat_map(|table| {
            let rows = table.lines().skip(1).filter_map(|row| {
                let fields: Vec<&str> = row.split_ascii_whitespace().collect();
                inodes.contains(*fields.get(9)?).then(|| fields.last()?.parse::<u64>().ok())?
            });
            rows.collect::<Vec<_>>()
        })
        .sum()
}

/// Share of a core that something else than this guest had, since the machine started: user, nice,
/// system, idle, … steal of `/proc/stat`.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    steal: u64,
    all: u64,
}

impl Machine {
    /// Now.
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields: Vec<u64> = text
            .lines()
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .skip(1)
            .filter_map(|field| field.parse().ok())
            .collect();
        Self { steal: fields.get(7).copied().unwrap_or(0), all: fields.iter().take(8).sum() }
    }

    /// Stolen share since `before`, 0 to 1.
    pub fn stolen_since(self, before: Self) -> f64 {
        (self.steal - before.steal) as f64 / (self.all - before.all).max(1) as f64
    }

    /// Load average of the last minute.
    pub fn load() -> String {
        let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        text.split_ascii_whitespace().next().unwrap_or("?").to_owned()
    }
}

/// A child that is ended with us.
#[derive(Debug)]
pub struct Owned(Child);

impl Owned {
    /// Takes charge of a child.
    pub fn new(child: Child) -> Self {
        Self(child)
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The child.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Owned {
    /// Asks first: a program that counts what it does writes that down at its end.
    fn drop(&mut self) {
        // One that has ended by itself is not asked: its number may be another's by now.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        }
        let end = Instant::now() + FAREWELL;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
