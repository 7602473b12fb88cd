//! The charts of a report, and their figures.

use analysis::{
    Cell,
    folds::{AllFigures, hold_outcomes, order_stages},
};
use api::{Amount, analytics::SalesPeriod};
use chrono::{TimeDelta, Timelike as _};

use crate::{
    ReportError,
    draw::Chart,
    style::VALUES,
    timeline::{Between, Timeline},
};

/// A chart, and its description.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its name: that of its table, or of a part of it.
    pub name: &'static str,
    /// Its heading: a question.
    pub title: &'static str,
    /// Its description, in one sentence.
    pub says: &'static str,
    /// The names of its tables.
    pub tables: &'static [&'static str],
    /// The SVG for embedding in a page: its colors are names.
    svg: String,
}

impl Picture {
    /// The SVG for a page that defines the colors.
    pub fn inline(&self) -> &str {
        &self.svg
    }

    /// The SVG as a separate file, light or dark according to the reader's setting.
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

/// A count as a number; a chart shows no more than four digits.
#[expect(
    clippy::cast_precision_loss,
    reason = "a plot shows no more than four digits"
)]
fn number(count: u64) -> f64 {
    count as f64
}

/// An amount in whole units.
fn units(amount: Amount) -> f64 {
    number(amount.cents.unsigned_abs()) / 100.0
}

/// Draws all plots.
///
/// # Errors
/// When one can't be drawn.
pub fn pictures(figures: &AllFigures) -> Result<Vec<Picture>, ReportError> {
    let charts = [
        sales(figures),
        hours(figures),
        prices(figures),
        funnel(figures),
        time_to_sale(figures),
        outcomes(figures),
        sellers(figures),
        concurrency(figures),
        conflicts(figures),
    ];
    let drawn = charts.into_iter().map(|chart| {
        Ok(Picture {
            svg: chart.draw()?,
            name: chart.name,
            title: chart.title,
            says: chart.says,
            tables: chart.tables,
        })
    });
    drawn.collect()
}

fn sales(figures: &AllFigures) -> Chart {
    let by = |periods: &[SalesPeriod], length: TimeDelta| {
        let rows = periods.iter();
        let rows = rows.map(|period| (period.begin, units(period.revenue), 0.0));
        Timeline::of(rows, length, Between::Zero)
    };
    let sales = &figures.market.sales;
    let days = by(&sales.by_day, TimeDelta::days(1));
    let (line, format, says) = if days.is_short() {
        let hours = by(&sales.by_hour, TimeDelta::hours(1));
        let says = "What paid orders brought in in each hour (UTC), from the first with an order to \
                    the last, which may not be over.";
        (hours, "%H:%M", says)
    } else {
        let says = "What paid orders brought in on each day (UTC), from the first with an order to \
                    the last, which may not be over.";
        (days, "%Y-%m-%d", says)
    };
    Chart {
        name: "sales_by_day",
        title: "What sold, and when?",
        says,
        tables: &["sales_by_day"],
        unit: "revenue",
        labels: line.labels(format),
        areas: line.is_long(),
        series: vec![("revenue", line.values)],
    }
}

fn hours(figures: &AllFigures) -> Chart {
    let (mut placed, mut sold) = (vec![0.0; 24], vec![0.0; 24]);
    for period in &figures.market.sales.by_hour {
        let hour = period.begin.hour() as usize;
        placed[hour] += number(period.placed);
        sold[hour] += number(period.sold);
    }
    Chart {
        name: "sales_by_hour_of_day",
        title: "At what time of day do people buy?",
        says: "Orders placed and paid in each hour of the day (UTC), over the whole range.",
        tables: &["sales_by_hour"],
        unit: "orders",
        labels: (0..24).map(|hour| format!("{hour:02}")).collect(),
        series: vec![("placed", placed), ("paid", sold)],
        areas: false,
    }
}

fn prices(figures: &AllFigures) -> Chart {
    let bands = &figures.market.prices.bands;
    let label = |amount: Amount| format!("{}+", amount.to_string().trim_end_matches(".00"));
    let listed = bands.iter().map(|band| number(band.listed));
    let sold = bands.iter().map(|band| number(band.sold));
    Chart {
        name: "price_bands",
        title: "At what price do tickets sell?",
        says: "Tickets by the price that they were first offered for, and that they sold for. \
               A ticket whose price fell is in one band when listed and in a lower one when sold.",
        tables: &["price_bands", "prices"],
        unit: "tickets",
        labels: bands.iter().map(|band| label(band.from)).collect(),
        series: vec![("listed", listed.collect()), ("sold", sold.collect())],
        areas: false,
    }
}

fn funnel(figures: &AllFigures) -> Chart {
    let funnel = &figures.market.funnel;
    let mut labels = vec!["tickets listed".to_owned()];
    let mut values = vec![number(funnel.tickets.listed)];
    for (stage, tally) in order_stages(&funnel.orders) {
        labels.push(stage.to_owned());
        values.push(number(tally.orders));
    }
    Chart {
        name: "funnel",
        title: "How far do orders get?",
        says: "Tickets that were listed, orders that were placed, and what became of those.",
        tables: &["funnel_of_tickets", "funnel_of_orders"],
        unit: "tickets, orders",
        labels,
        series: vec![("orders", values)],
        areas: false,
    }
}

fn time_to_sale(figures: &AllFigures) -> Chart {
    let bands = &figures.market.time_to_sale.bands;
    let label = |millis| format!("{}+", Cell::Millis(millis));
    let sold = bands.iter().map(|band| number(band.sold));
    Chart {
        name: "time_to_sale_bands",
        title: "How long does it take to sell a ticket?",
        says: "Sold tickets by the time from the listing to the payment.",
        tables: &["time_to_sale_bands", "time_to_sale"],
        unit: "tickets",
        labels: bands.iter().map(|band| label(band.from_ms)).collect(),
        series: vec![("sold", sold.collect())],
        areas: false,
    }
}

fn outcomes(figures: &AllFigures) -> Chart {
    let outcomes = hold_outcomes(&figures.market.holds);
    let counts = outcomes.map(|(_, outcome)| number(outcome.count));
    Chart {
        name: "hold_outcomes",
        title: "How do holds end?",
        says: "Holds that were paid, given back, or not paid in time.",
        tables: &["hold_outcomes", "open_holds"],
        unit: "holds",
        labels: outcomes.map(|(name, _)| name.to_owned()).into(),
        series: vec![("holds", counts.into())],
        areas: false,
    }
}

fn sellers(figures: &AllFigures) -> Chart {
    const SHOWN: usize = 20;
    let sellers = figures.market.sellers.sellers.iter().take(SHOWN);
    let values: Vec<_> = sellers.map(|of| units(of.revenue)).collect();
    Chart {
        name: "revenue_by_seller",
        title: "Who sells?",
        says: "Revenue of the twenty sellers with the most, by rank.",
        tables: &["revenue_by_seller"],
        unit: "revenue",
        labels: (1..=values.len()).map(|rank| rank.to_string()).collect(),
        series: vec![("revenue", values)],
        areas: false,
    }
}

fn concurrency(figures: &AllFigures) -> Chart {
    let rows = figures.market.concurrency.by_hour.iter();
    let rows = rows.map(|hour| (hour.begin, number(hour.peak), number(hour.at_end)));
    let line = Timeline::of(rows, TimeDelta::hours(1), Between::Last);
    // Only a limited number and length of names fits below a chart.
    let format = match line.begins.len() {
        0..=24 => "%H:%M",
        25..=336 => "%m-%d %H:%M",
        _ => "%Y-%m-%d",
    };
    Chart {
        name: "holds_by_hour",
        title: "How many tickets are held at once?",
        says: "The most holds at once in each hour. Crowds are peaks.",
        tables: &["most_holds_at_once", "holds_by_hour"],
        unit: "live holds",
        labels: line.labels(format),
        areas: line.is_long(),
        series: vec![("peak", line.values)],
    }
}

fn conflicts(figures: &AllFigures) -> Chart {
    let totals = figures.conflicts.totals();
    let numbers = 1..=totals.len();
    Chart {
        name: "retries_and_conflicts_by_day",
        title: "What is tried again, and what comes too late?",
        says: "Cards and orders: 1 declined, 2 paid after a decline, 3 given up after a decline, \
               4 held again, 5 by the same buyer, 6 paid too late, 7 given back and 8 expired while \
               paying, 9 heard of late.",
        tables: &["retries_and_conflicts_by_day", "declined_cards"],
        unit: "times",
        labels: numbers.map(|number| number.to_string()).collect(),
        series: vec![("times", totals.map(number).into())],
        areas: false,
    }
}
