//! Converts the folds' figures into the API's form.

use analysis::folds::{
    ConcurrencyFigures, Distribution, FunnelFigures, HoldFigures, HoldOutcome, MarketFigures,
    OrderTally, PriceFigures, SaleTimeFigures, SalesPeriod, SellerFigures,
};
use api::{
    Amount, Analytics,
    analytics::{self, AnalyticsProgress},
};

/// A week of hours.
const HOURS: usize = 168;
/// A year of days.
const DAYS: usize = 366;
/// Number of sellers that are listed.
const SELLERS: usize = 50;

/// Converts the figures of the folds.
pub(crate) fn analytics(figures: &MarketFigures, progress: AnalyticsProgress) -> Analytics {
    let funnel = &figures.funnel;
    Analytics {
        progress,
        sales_by_hour: newest(&figures.sales.by_hour, HOURS).map(sales).collect(),
        sales_by_day: newest(&figures.sales.by_day, DAYS).map(sales).collect(),
        prices: prices(&figures.prices),
        ticket_funnel: funnel.tickets,
        order_funnel: order_funnel(funnel),
        time_to_sale: time_to_sale(&figures.time_to_sale),
        holds: holds(&figures.holds),
        sellers: sellers(&figures.sellers),
        live_holds: live_holds(&figures.concurrency, figures.holds.open),
    }
}

/// The last values, up to a maximum number.
fn newest<T>(all: &[T], most: usize) -> std::slice::Iter<'_, T> {
    all[all.len().saturating_sub(most)..].iter()
}

fn amount(cents: u64) -> Amount {
    // Sums of prices stay far below the limit.
    Amount::from_cents(i64::try_from(cents).unwrap_or(i64::MAX))
}

fn sales(period: &SalesPeriod) -> analytics::SalesPeriod {
    analytics::SalesPeriod {
        begin: period.begin,
        placed: period.placed,
        sold: period.sold,
        revenue: amount(period.revenue),
    }
}

fn prices(figures: &PriceFigures) -> analytics::PriceDistribution {
    let distribution = |found: Distribution| analytics::PriceFigures {
        count: found.count,
        lowest: amount(found.lowest),
        p10: amount(found.p10),
        p25: amount(found.p25),
        median: amount(found.median),
        p75: amount(found.p75),
        p90: amount(found.p90),
        highest: amount(found.highest),
        mean: amount(found.mean),
    };
    let bands = figures.bands.iter().map(|band| analytics::PriceBand {
        from: amount(band.from),
        below: band.below.map(amount),
        listed: band.listed,
        sold: band.sold,
        revenue: amount(band.revenue),
    });
    analytics::PriceDistribution {
        listed: figures.listed.map(distribution),
        sold: figures.sold.map(distribution),
        bands: bands.collect(),
    }
}

fn order_funnel(figures: &FunnelFigures) -> analytics::OrderFunnel {
    let tally = |tally: OrderTally| analytics::OrderTally {
        orders: tally.count,
        value: amount(tally.cents),
    };
    let orders = &figures.orders;
    analytics::OrderFunnel {
        placed: tally(orders.placed),
        paying: tally(orders.paying),
        paid: tally(orders.paid),
        expired: tally(orders.expired),
        cancelled: tally(orders.cancelled),
        open: tally(orders.open),
    }
}

fn durations(found: Distribution) -> analytics::DurationFigures {
    analytics::DurationFigures {
        count: found.count,
        shortest_ms: found.lowest,
        p10_ms: found.p10,
        p25_ms: found.p25,
        median_ms: found.median,
        p75_ms: found.p75,
        p90_ms: found.p90,
        longest_ms: found.highest,
        mean_ms: found.mean,
    }
}

fn time_to_sale(figures: &SaleTimeFigures) -> analytics::TimeToSale {
    let bands = figures.bands.iter().map(|band| analytics::DurationBand {
        from_ms: band.from,
        below_ms: band.below,
        sold: band.sold,
    });
    analytics::TimeToSale {
        listed_to_sold: figures.listed_to_sold.map(durations),
        placed_to_paid: figures.placed_to_paid.map(durations),
        bands: bands.collect(),
    }
}

fn holds(figures: &HoldFigures) -> analytics::HoldOutcomes {
    let outcome = |outcome: HoldOutcome| analytics::HoldOutcome {
        count: outcome.count,
        paying: outcome.paying,
        value: amount(outcome.value),
        lasted: outcome.lasted.map(durations),
    };
    analytics::HoldOutcomes {
        paid: outcome(figures.paid),
        expired: outcome(figures.expired),
        cancelled: outcome(figures.cancelled),
        open: figures.open,
    }
}

fn sellers(figures: &SellerFigures) -> analytics::SellerRevenues {
    let top = figures.sellers.iter().take(SELLERS);
    let top = top.map(|of| analytics::SellerRevenue {
        seller: of.seller.0,
        listed: of.listed,
        sold: of.sold,
        revenue: amount(of.revenue),
    });
    analytics::SellerRevenues {
        count: figures.sellers.len() as u64,
        revenue: amount(figures.revenue()),
        top: top.collect(),
    }
}

fn live_holds(figures: &ConcurrencyFigures, now: u64) -> analytics::LiveHolds {
    analytics::LiveHolds {
        now,
        most: figures
            .peak
            .map(|(holds, at)| analytics::MostHolds { holds, at }),
        by_hour: newest(&figures.by_hour, HOURS).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::folds::MarketFolds;

    #[test]
    fn an_empty_log_has_figures() {
        let progress = AnalyticsProgress {
            commits: 0,
            of: 0,
            caught_up: true,
            newest: None,
        };
        let figures = analytics(&MarketFolds::default().figures(), progress);
        assert_eq!(figures.prices.listed, None);
        assert_eq!(figures.time_to_sale.placed_to_paid, None);
        assert_eq!(figures.holds.paid.lasted, None);
        assert_eq!(figures.live_holds.most, None);
        assert_eq!(figures.order_funnel.open.orders, 0);
        assert!(figures.prices.bands.len() > 5 && figures.sellers.top.is_empty());
    }
}
