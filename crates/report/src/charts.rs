//! Which plot shows which table.

use analysis::{Cell, Table};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

use crate::{
    ReportError,
    draw::{Plot, Series},
    style::VALUES,
    timeline::{Between, Timeline},
};

/// A plot, and what it says.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its name: that of the table behind it, or of the part of it.
    pub name: &'static str,
    /// The question that it answers.
    pub title: &'static str,
    /// What is to be seen, in a sentence.
    pub says: &'static str,
    /// The names of the tables behind it.
    pub tables: &'static [&'static str],
    /// The SVG, for the inside of a page: its colors have names.
    svg: String,
}

impl Picture {
    /// The SVG for the inside of a page that says what the colors are.
    pub fn inline(&self) -> &str {
        &self.svg
    }

    /// The SVG as a file of its own, light or dark as its reader is.
    pub fn standalone(&self) -> String {
        let style = format!("<style>{}</style>", VALUES.replace(":root", "svg"));
        let ground = "<rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>";
        match self.svg.find('>') {
            Some(end) => {
                let (head, rest) = self.svg.split_at(end + 1);
                format!("{head}\n{style}{ground}{rest}")
            }
            None => self.svg.clone(),
        }
    }
}

/// The tables by name.
struct Tables<'a>(BTreeMap<&'a str, &'a Table>);

impl Tables<'_> {
    /// A column of a table as numbers; amounts in whole units.
    fn numbers(&self, table: &str, column: &str) -> Vec<f64> {
        self.cells(table, column).map(number).collect()
    }

    fn cells<'s>(&'s self, table: &str, column: &str) -> impl Iterator<Item = &'s Cell> + use<'s> {
        let table = self.0.get(table).copied();
        let place = table.and_then(|t| t.columns.iter().position(|c| c.name == column));
        let rows = table.into_iter().flat_map(|table| &table.rows);
        rows.filter_map(move |row| row.get(place?))
    }

    fn texts(&self, table: &str, column: &str) -> Vec<String> {
        self.cells(table, column).map(ToString::to_string).collect()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a plot shows no more than four digits"
)]
fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Count(number) | Cell::Millis(number) => *number as f64,
        Cell::Money(cents) => *cents as f64 / 100.0,
        Cell::Share { part, of } if *of > 0 => *part as f64 / *of as f64,
        _ => 0.0,
    }
}

fn time(cell: &Cell) -> Option<DateTime<Utc>> {
    match cell {
        Cell::Time(time) => Some(*time),
        _ => None,
    }
}

/// Draws all plots.
///
/// # Errors
/// When one can't be drawn.
pub fn pictures(tables: &[Table]) -> Result<Vec<Picture>, ReportError> {
    let tables = Tables(tables.iter().map(|table| (table.name, table)).collect());
    Ok(vec![
        sales(&tables)?,
        hours(&tables)?,
        prices(&tables)?,
        funnel(&tables)?,
        time_to_sale(&tables)?,
        outcomes(&tables)?,
        sellers(&tables)?,
        concurrency(&tables)?,
        conflicts(&tables)?,
    ])
}

fn sales(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    let by = |table: &str, column: &str, period: TimeDelta| {
        let begins = tables.cells(table, column).filter_map(time);
        let revenue = tables.numbers(table, "revenue").into_iter();
        let rows = begins
            .zip(revenue)
            .map(|(begin, value)| (begin, value, 0.0));
        Timeline::of(rows, period, Between::Zero)
    };
    let days = by("sales_by_day", "day", TimeDelta::days(1));
    let is_short = days.is_short();
    let (line, format, says) = if is_short {
        let hours = by("sales_by_hour", "hour", TimeDelta::hours(1));
        let says = "What paid orders brought in in each hour (UTC), from the first with an order to \
                    the last, which may not be over.";
        (hours, "%H:%M", says)
    } else {
        let says = "What paid orders brought in on each day (UTC), from the first with an order to \
                    the last, which may not be over.";
        (days, "%Y-%m-%d", says)
    };
    let (labels, is_long) = (line.labels(format), line.is_long());
    let plot = Plot {
        name: "sales_by_day",
        unit: "revenue",
        labels,
        series: vec![Series {
            name: "revenue",
            values: line.values,
        }],
    };
    Ok(Picture {
        name: plot.name,
        title: "What sold, and when?",
        says,
        tables: &["sales_by_day"],
        svg: if is_long { plot.areas()? } else { plot.bars()? },
    })
}

fn hours(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    let (mut placed, mut sold) = (vec![0.0; 24], vec![0.0; 24]);
    let times = tables.texts("sales_by_hour", "hour");
    let counts = tables.numbers("sales_by_hour", "placed");
    let paid = tables.numbers("sales_by_hour", "sold");
    for ((time, one), other) in times.iter().zip(counts).zip(paid) {
        // As it is shown: 2025-01-01 19:00:00.
        if let Some(hour) = time.get(11..13).and_then(|hour| hour.parse::<usize>().ok())
            && hour < 24
        {
            placed[hour] += one;
            sold[hour] += other;
        }
    }
    let plot = Plot {
        name: "sales_by_hour_of_day",
        unit: "orders",
        labels: (0..24).map(|hour| format!("{hour:02}")).collect(),
        series: vec![
            Series {
                name: "placed",
                values: placed,
            },
            Series {
                name: "paid",
                values: sold,
            },
        ],
    };
    Ok(Picture {
        name: plot.name,
        title: "At what time of day do people buy?",
        says: "Orders placed and paid in each hour of the day (UTC), over the whole range.",
        tables: &["sales_by_hour"],
        svg: plot.bars()?,
    })
}

fn prices(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    let whole = |text: String| text.trim_end_matches(".00").to_owned();
    let plot = Plot {
        name: "price_bands",
        unit: "tickets",
        labels: tables
            .texts("price_bands", "from")
            .into_iter()
            .map(|from| format!("{}+", whole(from)))
            .collect(),
        series: vec![
            Series {
                name: "listed",
                values: tables.numbers("price_bands", "listed"),
            },
            Series {
                name: "sold",
                values: tables.numbers("price_bands", "sold"),
            },
        ],
    };
    Ok(Picture {
        name: plot.name,
        title: "At what price do tickets sell?",
        says: "Tickets by the price that they were first offered for, and that they sold for. \
               A ticket whose price fell is in one band when listed and in a lower one when sold.",
        tables: &["price_bands", "prices"],
        svg: plot.bars()?,
    })
}

fn funnel(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    let mut labels = tables.texts("funnel_of_orders", "stage");
    let mut values = tables.numbers("funnel_of_orders", "orders");
    let listed = tables.texts("funnel_of_tickets", "stage").into_iter();
    let counts = tables.numbers("funnel_of_tickets", "tickets");
    for (stage, count) in listed.zip(counts).take(1) {
        labels.insert(0, format!("tickets {stage}"));
        values.insert(0, count);
    }
    let plot = Plot {
        name: "funnel",
        unit: "tickets, orders",
        labels,
        series: vec![Series {
            name: "orders",
            values,
        }],
    };
    Ok(Picture {
        name: plot.name,
        title: "How far do orders get?",
        says: "Tickets that were listed, orders that were placed, and what became of those.",
        tables: &["funnel_of_tickets", "funnel_of_orders"],
        svg: plot.bars()?,
    })
}

fn time_to_sale(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    let labels = tables.texts("time_to_sale_bands", "from_ms").into_iter();
    let plot = Plot {
        name: "time_to_sale_bands",
        unit: "tickets",
        labels: labels.map(|from| format!("{from}+")).collect(),
        series: vec![Series {
            name: "sold",
            values: tables.numbers("time_to_sale_bands", "sold"),
        }],
    };
    Ok(Picture {
        name: plot.name,
        title: "How long does it take to sell a ticket?",
        says: "Sold tickets by the time from the listing to the payment.",
        tables: &["time_to_sale_bands", "time_to_sale"],
        svg: plot.bars()?,
    })
}

fn outcomes(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    let table = tables.0.get("hold_outcomes");
    let first = table.and_then(|table| table.columns.first());
    let labels = first.map(|column| tables.texts("hold_outcomes", column.name));
    let plot = Plot {
        name: "hold_outcomes",
        unit: "holds",
        labels: labels.unwrap_or_default(),
        series: vec![Series {
            name: "holds",
            values: tables.numbers("hold_outcomes", "count"),
        }],
    };
    Ok(Picture {
        name: plot.name,
        title: "How do holds end?",
        says: "Holds that were paid, given back, or not paid in time.",
        tables: &["hold_outcomes", "open_holds"],
        svg: plot.bars()?,
    })
}

fn sellers(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    const SHOWN: usize = 20;
    let mut values = tables.numbers("revenue_by_seller", "revenue");
    values.truncate(SHOWN);
    let plot = Plot {
        name: "revenue_by_seller",
        unit: "revenue",
        labels: (1..=values.len()).map(|rank| rank.to_string()).collect(),
        series: vec![Series {
            name: "revenue",
            values,
        }],
    };
    Ok(Picture {
        name: plot.name,
        title: "Who sells?",
        says: "Revenue of the twenty sellers with the most, by rank.",
        tables: &["revenue_by_seller"],
        svg: plot.bars()?,
    })
}

fn concurrency(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    let begins = tables.cells("holds_by_hour", "hour").filter_map(time);
    let peaks = tables.numbers("holds_by_hour", "peak").into_iter();
    let ends = tables.numbers("holds_by_hour", "at_end").into_iter();
    let rows = begins.zip(peaks).zip(ends);
    let rows = rows.map(|((begin, peak), end)| (begin, peak, end));
    let line = Timeline::of(rows, TimeDelta::hours(1), Between::Last);
    // As many names as fit stand below a plot, and as long ones.
    let format = match line.begins.len() {
        0..=24 => "%H:%M",
        25..=336 => "%m-%d %H:%M",
        _ => "%Y-%m-%d",
    };
    let is_long = line.is_long();
    let plot = Plot {
        name: "holds_by_hour",
        unit: "live holds",
        labels: line.labels(format),
        series: vec![Series {
            name: "peak",
            values: line.values,
        }],
    };
    Ok(Picture {
        name: plot.name,
        title: "How many tickets are held at once?",
        says: "The most holds at once in each hour. Crowds are peaks.",
        tables: &["most_holds_at_once", "holds_by_hour"],
        svg: if is_long { plot.areas()? } else { plot.bars()? },
    })
}

fn conflicts(tables: &Tables<'_>) -> Result<Picture, ReportError> {
    const TABLE: &str = "retries_and_conflicts_by_day";
    let columns = tables.0.get(TABLE).map(|table| table.columns);
    // The first is the day.
    let kinds = columns.unwrap_or_default().iter().skip(1);
    let kinds: Vec<&str> = kinds.map(|column| column.name).collect();
    let sum = |kind: &&str| tables.numbers(TABLE, kind).iter().sum();
    let plot = Plot {
        name: TABLE,
        unit: "times",
        labels: (1..=kinds.len()).map(|number| number.to_string()).collect(),
        series: vec![Series {
            name: "times",
            values: kinds.iter().map(sum).collect(),
        }],
    };
    Ok(Picture {
        name: plot.name,
        title: "What is tried again, and what comes too late?",
        says: "Cards and orders: 1 declined, 2 paid after a decline, 3 given up after a decline, \
               4 held again, 5 by the same buyer, 6 paid too late, 7 given back and 8 expired while \
               paying, 9 heard of late.",
        tables: &[TABLE, "declined_cards"],
        svg: plot.bars()?,
    })
}
