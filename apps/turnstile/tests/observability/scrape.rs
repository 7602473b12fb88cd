//! The output of `/metrics`, parsed like Prometheus.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// One metric.
#[derive(Debug, Default)]
pub struct Metric {
    pub kind: String,
    pub help: String,
    pub labels: BTreeSet<String>,
}

/// All metrics by name; a histogram under its own, not those of its series.
#[derive(Debug, Default)]
pub struct Scrape(pub BTreeMap<String, Metric>);

impl Scrape {
    pub fn parse(text: &str) -> Self {
        let mut metrics = BTreeMap::<String, Metric>::new();
        let mut helps = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some((name, help)) = of_comment(line, "# HELP ") {
                helps.insert(name, help);
            } else if let Some((name, kind)) = of_comment(line, "# TYPE ") {
                metrics.entry(name).or_default().kind = kind;
            } else {
                let end = line.find(['{', ' ']).unwrap();
                let name = series_of(&line[..end], &metrics);
                let labels = line[end..].strip_prefix('{');
                let labels = labels.and_then(|rest| rest.rsplit_once('}'));
                let metric = metrics.get_mut(&name);
                let metric = metric.unwrap_or_else(|| panic!("{name} has no type: {line}"));
                for (label, _) in labels.iter().flat_map(|(labels, _)| pairs(labels)) {
                    if label != "le" {
                        metric.labels.insert(label);
                    }
                }
            }
        }
        for (name, help) in helps {
            metrics.entry(name).or_default().help = help;
        }
        Self(metrics)
    }

    /// The table of the documentation.
    pub fn table(&self) -> String {
        let mut table =
            String::from("| metric | kind | labels | what it is |\n|---|---|---|---|\n");
        for (name, metric) in &self.0 {
            let labels: Vec<_> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
            let Metric { kind, help, .. } = metric;
            let labels = labels.join(", ");
            writeln!(table, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
        }
        table
    }

    /// The metric that a series of this name belongs to.
    pub fn metric_of(&self, series: &str) -> Option<&Metric> {
        self.0.get(&series_of(series, &self.0))
    }
}

fn of_comment(line: &str, start: &str) -> Option<(String, String)> {
    let (name, rest) = line.strip_prefix(start)?.split_once(' ')?;
    Some((name.to_owned(), rest.to_owned()))
}

fn series_of(name: &str, metrics: &BTreeMap<String, Metric>) -> String {
    ["_bucket", "_sum", "_count"]
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix))
        .find(|base| metrics.contains_key(*base))
        .unwrap_or(name)
        .to_owned()
}

/// `name="value"` pairs, or those with another comparison. No label here has a comma in its value.
pub fn pairs(labels: &str) -> impl Iterator<Item = (String, String)> {
    labels.split(',').filter_map(|pair| {
        let at = pair.find(['=', '!'])?;
        let value = pair[at..].trim_start_matches(['=', '!', '~']);
        Some((
            pair[..at].trim().to_owned(),
            value.trim_matches('"').to_owned(),
        ))
    })
}
