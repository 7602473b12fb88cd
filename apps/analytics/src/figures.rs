//! Selects the figures that the API shows from those of the folds.

use analysis::folds::MarketFigures;
use api::{
    Analytics,
    analytics::{AnalyticsProgress, LiveHolds, SellerRevenues},
};

/// A week of hours.
const HOURS: usize = 168;
/// A year of days.
const DAYS: usize = 366;
/// Number of sellers that are listed.
const SELLERS: usize = 50;

/// The figures of the folds, as far as they are shown.
pub(crate) fn analytics(figures: MarketFigures, progress: AnalyticsProgress) -> Analytics {
    Analytics {
        progress,
        sales_by_hour: newest(figures.sales.by_hour, HOURS),
        sales_by_day: newest(figures.sales.by_day, DAYS),
        prices: figures.prices,
        ticket_funnel: figures.funnel.tickets,
        order_funnel: figures.funnel.orders,
        time_to_sale: figures.time_to_sale,
        holds: figures.holds,
        sellers: SellerRevenues {
            count: figures.sellers.sellers.len() as u64,
            revenue: figures.sellers.revenue(),
            top: figures.sellers.sellers.into_iter().take(SELLERS).collect(),
        },
        live_holds: LiveHolds {
            now: figures.holds.open,
            most: figures.concurrency.peak,
            by_hour: newest(figures.concurrency.by_hour, HOURS),
        },
    }
}

/// The last values, up to a maximum number.
fn newest<T>(mut all: Vec<T>, most: usize) -> Vec<T> {
    all.drain(..all.len().saturating_sub(most));
    all
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
        let figures = analytics(MarketFolds::default().figures(), progress);
        assert_eq!(figures.prices.listed, None);
        assert_eq!(figures.time_to_sale.placed_to_paid_ms, None);
        assert_eq!(figures.holds.paid.lasted_ms, None);
        assert_eq!(figures.live_holds.most, None);
        assert_eq!(figures.order_funnel.open.orders, 0);
        assert!(figures.prices.bands.len() > 5 && figures.sellers.top.is_empty());
    }
}
