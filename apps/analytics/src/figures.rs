//! The folds' answers in the shape of the API.

use analysis::{Table, folds::Builtin};
use api::{
    Amount, Analytics,
    analytics::{
        AnalyticsProgress, DurationBand, DurationFigures, HoldOutcome, HoldOutcomes, HoldsInHour,
        LiveHolds, MostHolds, OrderFunnel, OrderTally, PriceBand, PriceDistribution, PriceFigures,
        SalesPeriod, SellerRevenue, SellerRevenues, TicketFunnel, TimeToSale,
    },
};

use crate::response::{Answers, Mismatch, Row};

/// The folds whose answers are told, by their names for `turnstile replay`.
const NAMES: [&str; 7] = [
    "sales",
    "prices",
    "funnel",
    "time-to-sale",
    "holds",
    "sellers",
    "concurrency",
];

/// A week of hours.
const HOURS: usize = 168;
/// A year of days.
const DAYS: usize = 366;
/// Sellers that are named.
const SELLERS: usize = 50;

/// The folds whose answers are told.
pub(crate) fn folds() -> Vec<Builtin> {
    NAMES.into_iter().filter_map(Builtin::named).collect()
}

/// What the answers of these folds say.
pub(crate) fn figures(
    tables: &[Table],
    progress: AnalyticsProgress,
) -> Result<Analytics, Mismatch> {
    let answers = Answers(tables);
    Ok(Analytics {
        progress,
        sales_by_hour: sales(&answers.newest("sales_by_hour", HOURS)?, "hour")?,
        sales_by_day: sales(&answers.newest("sales_by_day", DAYS)?, "day")?,
        prices: prices(answers)?,
        ticket_funnel: ticket_funnel(answers)?,
        order_funnel: order_funnel(answers)?,
        time_to_sale: time_to_sale(answers)?,
        holds: holds(answers)?,
        sellers: sellers(answers)?,
        live_holds: live_holds(answers)?,
    })
}

fn sales(rows: &[Row<'_>], period: &'static str) -> Result<Vec<SalesPeriod>, Mismatch> {
    let period = |row: &Row<'_>| {
        Ok(SalesPeriod {
            begin: row.get(period)?,
            placed: row.get("placed")?,
            sold: row.get("sold")?,
            revenue: row.get("revenue")?,
        })
    };
    rows.iter().map(period).collect()
}

fn prices(answers: Answers<'_>) -> Result<PriceDistribution, Mismatch> {
    let figures = |row: &Row<'_>| -> Result<Option<PriceFigures>, Mismatch> {
        let count = row.get("count")?;
        if count == 0 {
            return Ok(None);
        }
        Ok(Some(PriceFigures {
            count,
            lowest: row.get("lowest")?,
            p10: row.get("p10")?,
            p25: row.get("p25")?,
            median: row.get("median")?,
            p75: row.get("p75")?,
            p90: row.get("p90")?,
            highest: row.get("highest")?,
            mean: row.get("mean")?,
        }))
    };
    let band = |row: &Row<'_>| {
        Ok(PriceBand {
            from: row.get("from")?,
            below: row.get("below")?,
            listed: row.get("listed")?,
            sold: row.get("sold")?,
            revenue: row.get("revenue")?,
        })
    };
    Ok(PriceDistribution {
        listed: figures(&answers.row("prices", "listed")?)?,
        sold: figures(&answers.row("prices", "sold")?)?,
        bands: answers.all("price_bands", band)?,
    })
}

fn ticket_funnel(answers: Answers<'_>) -> Result<TicketFunnel, Mismatch> {
    let stage = |name| answers.row("funnel_of_tickets", name)?.get("tickets");
    Ok(TicketFunnel {
        listed: stage("listed")?,
        held: stage("held")?,
        paying: stage("paying")?,
        sold: stage("sold")?,
    })
}

fn order_funnel(answers: Answers<'_>) -> Result<OrderFunnel, Mismatch> {
    let stage = |name| {
        let row = answers.row("funnel_of_orders", name)?;
        Ok(OrderTally {
            orders: row.get("orders")?,
            value: row.get("value")?,
        })
    };
    Ok(OrderFunnel {
        placed: stage("placed")?,
        paying: stage("paying")?,
        paid: stage("paid")?,
        expired: stage("expired")?,
        cancelled: stage("cancelled")?,
        open: stage("open")?,
    })
}

/// How long things took, in a table that calls the two ends by these names.
fn durations(
    row: &Row<'_>,
    (shortest, longest): (&'static str, &'static str),
) -> Result<Option<DurationFigures>, Mismatch> {
    let count = row.get("count")?;
    if count == 0 {
        return Ok(None);
    }
    Ok(Some(DurationFigures {
        count,
        shortest_ms: row.get(shortest)?,
        p10_ms: row.get("p10_ms")?,
        p25_ms: row.get("p25_ms")?,
        median_ms: row.get("median_ms")?,
        p75_ms: row.get("p75_ms")?,
        p90_ms: row.get("p90_ms")?,
        longest_ms: row.get(longest)?,
        mean_ms: row.get("mean_ms")?,
    }))
}

fn time_to_sale(answers: Answers<'_>) -> Result<TimeToSale, Mismatch> {
    let what = |name| {
        let row = answers.row("time_to_sale", name)?;
        durations(&row, ("lowest_ms", "highest_ms"))
    };
    let band = |row: &Row<'_>| {
        Ok(DurationBand {
            from_ms: row.get("from_ms")?,
            below_ms: row.get("below_ms")?,
            sold: row.get("sold")?,
        })
    };
    Ok(TimeToSale {
        listed_to_sold: what("listed_to_sold")?,
        placed_to_paid: what("placed_to_paid")?,
        bands: answers.all("time_to_sale_bands", band)?,
    })
}

fn holds(answers: Answers<'_>) -> Result<HoldOutcomes, Mismatch> {
    let outcome = |name| {
        let row = answers.row("hold_outcomes", name)?;
        Ok(HoldOutcome {
            count: row.get("count")?,
            paying: row.get("paying")?,
            value: row.get("value")?,
            lasted: durations(&row, ("shortest_ms", "longest_ms"))?,
        })
    };
    Ok(HoldOutcomes {
        paid: outcome("paid")?,
        expired: outcome("expired")?,
        cancelled: outcome("cancelled")?,
        open: open_holds(answers)?,
    })
}

fn open_holds(answers: Answers<'_>) -> Result<u64, Mismatch> {
    let open: Vec<u64> = answers.all("open_holds", |row| row.get("open"))?;
    Ok(open.into_iter().sum())
}

fn sellers(answers: Answers<'_>) -> Result<SellerRevenues, Mismatch> {
    const TABLE: &str = "revenue_by_seller";
    let revenue = answers.all(TABLE, |row| row.get::<Amount>("revenue"))?;
    let cents = revenue.iter().map(|amount| amount.cents).sum();
    let mut top = answers.rows(TABLE)?;
    top.truncate(SELLERS);
    let seller = |row: Row<'_>| {
        Ok(SellerRevenue {
            seller: row.get("seller")?,
            listed: row.get("listed")?,
            sold: row.get("sold")?,
            revenue: row.get("revenue")?,
        })
    };
    Ok(SellerRevenues {
        count: revenue.len() as u64,
        revenue: Amount::from_cents(cents),
        top: top.into_iter().map(seller).collect::<Result<_, _>>()?,
    })
}

fn live_holds(answers: Answers<'_>) -> Result<LiveHolds, Mismatch> {
    let most = |row: &Row<'_>| {
        Ok(MostHolds {
            holds: row.get("peak")?,
            at: row.get("at")?,
        })
    };
    let hour = |row: &Row<'_>| {
        Ok(HoldsInHour {
            begin: row.get("hour")?,
            at_begin: row.get("at_begin")?,
            placed: row.get("placed")?,
            paid: row.get("paid")?,
            expired: row.get("expired")?,
            cancelled: row.get("cancelled")?,
            peak: row.get("peak")?,
            at_end: row.get("at_end")?,
        })
    };
    let hours = answers.newest("holds_by_hour", HOURS)?;
    Ok(LiveHolds {
        now: open_holds(answers)?,
        most: answers.all("most_holds_at_once", most)?.pop(),
        by_hour: hours.iter().map(hour).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::Cell;

    fn progress() -> AnalyticsProgress {
        AnalyticsProgress {
            commits: 0,
            of: 0,
            caught_up: true,
            newest: None,
        }
    }

    fn of_nothing() -> Vec<Table> {
        let folds = folds().into_iter();
        folds.flat_map(|fold| fold.start().finish()).collect()
    }

    #[test]
    fn there_are_figures_of_nothing() {
        assert_eq!(folds().len(), NAMES.len());
        let figures = figures(&of_nothing(), progress()).unwrap();
        assert_eq!(figures.prices.listed, None);
        assert_eq!(figures.time_to_sale.placed_to_paid, None);
        assert_eq!(figures.holds.paid.lasted, None);
        assert_eq!(figures.live_holds.most, None);
        assert_eq!(figures.order_funnel.open.orders, 0);
        assert!(figures.prices.bands.len() > 5 && figures.sellers.top.is_empty());
    }

    #[test]
    fn what_a_fold_no_longer_says_is_named() {
        let mut tables = of_nothing();
        let open = tables.iter_mut().find(|table| table.name == "open_holds");
        open.unwrap().rows[0][0] = Cell::Text("many".to_owned());
        let error = figures(&tables, progress()).unwrap_err().to_string();
        assert!(
            error.contains("open_holds") && error.contains("open"),
            "{error}"
        );
        tables.retain(|table| table.name != "prices");
        let error = figures(&tables, progress()).unwrap_err().to_string();
        assert!(error.contains("prices"), "{error}");
    }
}
