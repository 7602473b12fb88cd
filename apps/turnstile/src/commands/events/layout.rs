//! Which columns of a list of events fit, and their widths.

/// The width that `data` needs next to the other columns; with less it gets a separate line.
const DATA: usize = 40;
/// A shortened ID: its end, since many begin with a time and look alike.
const SHORT_ID: usize = 9;
/// Space between two columns.
const GAP: usize = 2;
/// Columns that are left out if there is no room, in this order, unless they were chosen.
const DISPENSABLE: [&str; 3] = ["version", "actor", "aggregate_id"];

/// A visible column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub name: String,
    pub width: usize,
}

/// The layout of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub columns: Vec<Shown>,
    /// Whether IDs are cut to their ends.
    pub short_ids: bool,
    /// The width of `data` below the other columns; `None` if it is among them.
    pub below: Option<usize>,
}

impl Layout {
    /// Fits columns into a width. Chosen columns all stay.
    pub(super) fn fit(names: &[String], chosen: bool, width: usize) -> Self {
        let has_data = names.iter().any(|name| name == "data");
        for short_ids in [false, true] {
            let used = used(names, short_ids);
            let left = width.saturating_sub(used);
            if if has_data {
                left >= DATA
            } else {
                used <= width + GAP
            } {
                return Self::of(names, short_ids, left.max(DATA), None);
            }
        }
        let mut names: Vec<_> = names.to_vec();
        let mut dispensable = DISPENSABLE.iter().filter(|_| !chosen);
        while used(&names, true) > width + GAP
            && let Some(name) = dispensable.next()
        {
            names.retain(|other| other != name);
        }
        let below = has_data.then(|| width.saturating_sub(4).max(DATA / 2));
        names.retain(|name| name != "data");
        Self::of(&names, true, 0, below)
    }

    fn of(names: &[String], short_ids: bool, data: usize, below: Option<usize>) -> Self {
        let columns = names.iter().map(|name| Shown {
            name: name.clone(),
            width: width_of(name, short_ids).unwrap_or(data),
        });
        Self {
            columns: columns.collect(),
            short_ids,
            below,
        }
    }
}

/// The width of the columns other than `data`, each with the gap behind it.
fn used(names: &[String], short_ids: bool) -> usize {
    let widths = names.iter().filter_map(|name| width_of(name, short_ids));
    widths.map(|width| width + GAP).sum()
}

/// The width of a column; `None` for the one that takes the rest.
fn width_of(name: &str, short_ids: bool) -> Option<usize> {
    Some(match name {
        // To the second; a bound accepts this form.
        "time" | "stored_at" if short_ids => 19,
        "time" | "stored_at" => 23,
        "sequence" if short_ids => 7,
        "stream" | "sequence" => 8,
        "version" => 7,
        "aggregate_type" | "schema_version" => 14,
        "event_type" => 20,
        "data" => return None,
        "trace_parent" => 55,
        _ if short_ids => SHORT_ID,
        _ => 36,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let all = names("time stream sequence event_type aggregate_id version actor data");
        for width in 60..=250 {
            let layout = Layout::fit(&all, false, width);
            let widths = layout.columns.iter().map(|column| column.width);
            let row: usize = widths.sum::<usize>() + GAP * (layout.columns.len() - 1);
            assert!(row <= width, "{row} of {width}: {layout:?}");
            assert!(layout.below.is_none_or(|below| below + 4 <= width));
            let of = |name: &str| layout.columns.iter().any(|column| column.name == name);
            for kept in ["time", "stream", "sequence", "event_type"] {
                assert!(of(kept), "{kept} at {width}: {layout:?}");
            }
            assert!(of("data") != layout.below.is_some());
        }
        assert!(!Layout::fit(&all, false, 200).short_ids);
        assert!(Layout::fit(&all, false, 140).short_ids);
        assert_eq!(Layout::fit(&all, false, 140).below, None);
    }

    #[test]
    fn chosen_columns_are_shown_at_any_width() {
        let chosen = names("aggregate_id actor version");
        let layout = Layout::fit(&chosen, true, 20);
        assert_eq!(layout.columns.len(), 3);
    }
}
