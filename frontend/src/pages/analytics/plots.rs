use api::Amount;
use api::analytics::{Analytics, Distribution, HoldOutcomes, OrderFunnel, OrderTally, SalesPeriod};
use chrono::{DateTime, TimeDelta, Utc};
use dioxus::prelude::*;
use state::{percent_of, periods, span_text};

use super::bars::{Bar, Bars};
use super::columns::{Columns, Period};
use crate::browser::format;

/// Days and hours that are shown at most.
const DAYS: usize = 90;
const HOURS: usize = 7 * 24;
/// Sellers that are shown at most.
const SELLERS: usize = 10;

/// All plots.
#[component]
pub fn Plots(figures: Analytics) -> Element {
    let (days, best_day) = sales(&figures.sales_by_day, TimeDelta::days(1), DAYS, format::day);
    let (hours, best_hour) = sales(
        &figures.sales_by_hour,
        TimeDelta::hours(1),
        HOURS,
        format::moment,
    );
    let (held, most_held) = held(&figures);
    rsx! {
        div { class: "plots",
            Columns {
                title: "Sales by day",
                about: "What paid orders brought in, by day (UTC).",
                heads: vec!["Day", "Placed", "Paid", "Revenue"],
                highest: best_day,
                periods: days,
            }
            Columns {
                title: "Sales by hour",
                about: "The same by hour, for a week.",
                heads: vec!["Hour", "Placed", "Paid", "Revenue"],
                highest: best_hour,
                periods: hours,
            }
            Columns {
                title: "Tickets held",
                about: "The most at once in each hour.",
                heads: vec!["Hour", "Most", "Placed", "Ended"],
                highest: most_held,
                periods: held,
            }
            Bars {
                title: "How far tickets get",
                about: "Each number is part of the one above.",
                heads: ["Stage", "Tickets"],
                bars: tickets(&figures),
            }
            Bars {
                title: "How far orders get",
                about: "Each order is paid, expired, cancelled or open.",
                heads: ["Stage", "Orders"],
                bars: orders(&figures.order_funnel),
            }
            Bars {
                title: "How holds end",
                about: "How many, and how long half of them took at most.",
                heads: ["End", "Holds"],
                bars: holds(&figures.holds),
            }
            Bars {
                title: "What tickets cost",
                about: "Paid orders by price, and tickets that were first offered at it.",
                heads: ["Price", "Orders"],
                bars: prices(&figures),
            }
            Bars {
                title: "Time to sale",
                about: "From the offer to the payment.",
                heads: ["Time", "Tickets"],
                bars: times(&figures),
            }
            Bars {
                title: "Who sells",
                about: "The sellers with the highest revenue.",
                heads: ["Seller", "Revenue"],
                bars: sellers(&figures),
            }
        }
    }
}

fn cents(amount: Amount) -> u64 {
    u64::try_from(amount.cents).unwrap_or(0)
}

fn sales(
    known: &[SalesPeriod],
    step: TimeDelta,
    most: usize,
    named: fn(DateTime<Utc>) -> String,
) -> (Vec<Period>, String) {
    let shown = periods(known, |period| period.begin, step, most);
    // Of those that are shown: what is known of can be of far more time, as empty periods are left
    // out of it.
    let sold = shown.iter().filter_map(|(_, found)| *found);
    let highest = sold
        .map(|sold| sold.revenue)
        .max_by_key(|money| money.cents)
        .map_or_else(String::new, format::money);
    let period = |(begin, found): (DateTime<Utc>, Option<SalesPeriod>)| Period {
        name: named(begin),
        value: found.map_or(0, |sold| cents(sold.revenue)),
        cells: found.map_or_else(Vec::new, |sold| {
            vec![
                format::count(sold.placed),
                format::count(sold.sold),
                format::money(sold.revenue),
            ]
        }),
    };
    (shown.into_iter().map(period).collect(), highest)
}

fn held(figures: &Analytics) -> (Vec<Period>, String) {
    let by_hour = &figures.live_holds.by_hour;
    let shown = periods(by_hour, |hour| hour.begin, TimeDelta::hours(1), HOURS);
    // Between two hours that are known of, as many were held as at the end of the first.
    let mut before = shown
        .iter()
        .find_map(|(_, hour)| *hour)
        .map_or(0, |hour| hour.at_begin);
    let mut all = Vec::with_capacity(shown.len());
    for (begin, hour) in shown {
        let value = hour.map_or(before, |hour| hour.peak);
        before = hour.map_or(before, |hour| hour.at_end);
        let cells = hour.map_or_else(Vec::new, |hour| {
            let ended = hour.paid + hour.expired + hour.cancelled;
            [hour.peak, hour.placed, ended].map(format::count).to_vec()
        });
        let name = format::moment(begin);
        all.push(Period { name, value, cells });
    }
    let most = all.iter().map(|period| period.value).max();
    (all, most.map_or_else(String::new, format::count))
}

fn share(part: u64, whole: u64) -> String {
    let share = percent_of(part, whole);
    share.map_or_else(
        || format::count(part),
        |share| format!("{} ({share}%)", format::count(part)),
    )
}

fn tickets(figures: &Analytics) -> Vec<Bar> {
    let funnel = &figures.ticket_funnel;
    let stages = [
        ("Listed", funnel.listed),
        ("Held", funnel.held),
        ("Payment begun", funnel.paying),
        ("Sold", funnel.sold),
    ];
    stages
        .map(|(name, value)| bar(name, value, share(value, funnel.listed)))
        .to_vec()
}

fn orders(funnel: &OrderFunnel) -> Vec<Bar> {
    let stages: [(&str, OrderTally); 6] = [
        ("Placed", funnel.placed),
        ("Payment begun", funnel.paying),
        ("Paid", funnel.paid),
        ("Expired", funnel.expired),
        ("Cancelled", funnel.cancelled),
        ("Open", funnel.open),
    ];
    let all = funnel.placed.orders;
    stages
        .map(|(name, tally)| bar(name, tally.orders, share(tally.orders, all)))
        .to_vec()
}

fn holds(holds: &HoldOutcomes) -> Vec<Bar> {
    let ends = [
        ("Paid", &holds.paid),
        ("Expired", &holds.expired),
        ("Cancelled", &holds.cancelled),
    ];
    let half = |lasted: &Option<Distribution<u64>>| {
        lasted.map_or_else(String::new, |lasted| {
            format!(", {}", span_text(lasted.median))
        })
    };
    let mut bars: Vec<_> = ends
        .into_iter()
        .map(|(name, end)| {
            let said = format!("{}{}", format::count(end.count), half(&end.lasted_ms));
            bar(name, end.count, said)
        })
        .collect();
    bars.push(bar("Not over", holds.open, format::count(holds.open)));
    bars
}

fn prices(figures: &Analytics) -> Vec<Bar> {
    let bands = figures.prices.bands.iter();
    let bands = bands.filter(|band| band.listed + band.sold > 0);
    let bands = bands.map(|band| Bar {
        name: match band.below {
            Some(below) => format!("{} – {}", format::money(band.from), format::money(below)),
            None => format!("from {}", format::money(band.from)),
        },
        value: band.sold,
        said: format!(
            "{} paid, {} offered",
            format::count(band.sold),
            format::count(band.listed)
        ),
    });
    bands.collect()
}

fn times(figures: &Analytics) -> Vec<Bar> {
    let bands = figures.time_to_sale.bands.iter();
    let bands = bands.filter(|band| band.sold > 0).map(|band| Bar {
        name: match band.below_ms {
            Some(below) => format!("below {}", span_text(below)),
            None => format!("{} and more", span_text(band.from_ms)),
        },
        value: band.sold,
        said: share(band.sold, figures.ticket_funnel.sold),
    });
    bands.collect()
}

fn sellers(figures: &Analytics) -> Vec<Bar> {
    let top = figures.sellers.top.iter().filter(|seller| seller.sold > 0);
    let top = top.take(SELLERS).map(|seller| {
        let id = seller.seller.to_string();
        Bar {
            // As much of an id as is needed to find it in the log.
            name: id.split('-').next().unwrap_or_default().to_owned(),
            value: cents(seller.revenue),
            said: format!(
                "{}, {} sold",
                format::money(seller.revenue),
                format::count(seller.sold)
            ),
        }
    });
    top.collect()
}

fn bar(name: &str, value: u64, said: String) -> Bar {
    Bar {
        name: name.to_owned(),
        value,
        said,
    }
}
