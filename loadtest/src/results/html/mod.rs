//! The report for people: one HTML file that needs nothing else and asks nobody for anything.
//!
//! Charts are SVG made here; labels around them are HTML, so that text has the same size on a phone
//! as on a desk. The script only shows the values under the pointer: without it nothing is missing
//! but that.

mod calls;
mod chart;
mod columns;
mod head;
mod series;
mod tables;

use std::fmt;

use super::RunReport;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// The page may load nothing, and says so to the browser.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

/// A text inside HTML, in an attribute or outside.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                char => fmt::Write::write_char(f, char)?,
            }
        }
        Ok(())
    }
}

/// The report as a page.
pub fn html(report: &RunReport) -> String {
    let columns = columns::columns(&report.tally.series);
    let title = format!("{} {} – load test", report.plan.name, report.verdict.word());
    let body = [
        head::verdict(report),
        head::cards(report),
        tables::thresholds(report),
        series::charts(report, &columns),
        series::distributions(report),
        tables::trends(report),
        tables::shares(report),
        tables::groups("Regions", "region", &report.tally.regions),
        tables::groups("Nodes", "node", &report.tally.nodes),
        calls::reasons(report),
        calls::slowest(report),
        calls::failed(report),
        tables::chaos(report),
        tables::machines(report),
        tables::plan(report),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <footer>Made by loadtest {} · form {}</footer>\n<script>\n{SCRIPT}</script>\n</body>\n\
         </html>\n",
        Text(&title),
        Text(&report.tool),
        Text(&report.schema)
    )
}

/// A part of the page with a heading.
fn section(heading: &str, about: &str, body: &str) -> String {
    let about =
        if about.is_empty() { String::new() } else { format!("<p class=\"about\">{about}</p>") };
    format!("<section>\n<h2>{heading}</h2>\n{about}\n{body}\n</section>\n")
}

/// A table in a box that scrolls when it is too wide. A heading that begins with `#` is above
/// numbers.
fn table(head: &[&str], rows: &[String]) -> String {
    let cell = |cell: &&str| match cell.strip_prefix('#') {
        Some(cell) => format!("<th scope=\"col\" class=\"n\">{cell}</th>"),
        None => format!("<th scope=\"col\">{cell}</th>"),
    };
    let head: String = head.iter().map(cell).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{}</tbody>\n</table></div>",
        rows.concat()
    )
}
