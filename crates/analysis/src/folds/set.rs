//! Sets of folds that read the log together.

use api::analytics::{HoldOutcomes, PriceDistribution, TimeToSale as SaleTimes};
use chrono::{DateTime, Utc};
use event_streams::{ORDERS, PAYMENTS, TICKETS};
use eventstore::StreamName;

use super::{
    ConcurrencyFigures, ConcurrentHolds, ConflictFigures, Conflicts, Figures, Funnel,
    FunnelFigures, Holds, Prices, Sales, SalesFigures, SellerFigures, Sellers, TimeToSale,
};
use crate::{Fold, RecordedEvent, Table};

macro_rules! set {
    ($(#[$doc:meta])* $set:ident $(#[$figures_doc:meta])* $figures:ident $streams:expr => {
        $($(#[$field_doc:meta])* $field:ident: $fold:ident $field_figures:ident,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $set {
            $($field: $fold,)*
        }

        $(#[$figures_doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $figures {
            $($(#[$field_doc])* pub $field: $field_figures,)*
        }

        impl $set {
            /// Returns the figures of the events so far.
            pub fn figures(&mut self) -> $figures {
                $figures {
                    $($field: self.$field.figures(),)*
                }
            }
        }

        impl Figures for $figures {
            fn tables(&self) -> Vec<Table> {
                let mut tables = Vec::new();
                $(tables.extend(self.$field.tables());)*
                tables
            }
        }

        impl Fold for $set {
            fn streams(&self) -> &'static [StreamName] {
                $streams
            }

            fn begin(&mut self, at: DateTime<Utc>) {
                $(self.$field.begin(at);)*
            }

            fn apply(&mut self, entry: &RecordedEvent<'_>) {
                $(if self.$field.streams().contains(&entry.commit.stream) {
                    self.$field.apply(entry);
                })*
            }

            fn tables(&mut self) -> Vec<Table> {
                self.figures().tables()
            }
        }
    };
}

set! {
    /// The folds whose figures are shown live.
    MarketFolds
    /// The figures of [`MarketFolds`].
    MarketFigures
    &[TICKETS, ORDERS] => {
        /// Sales by hour and by day.
        sales: Sales SalesFigures,
        /// Prices of tickets.
        prices: Prices PriceDistribution,
        /// How far tickets and orders get.
        funnel: Funnel FunnelFigures,
        /// The time until a ticket is sold.
        time_to_sale: TimeToSale SaleTimes,
        /// The outcomes of holds.
        holds: Holds HoldOutcomes,
        /// Sales by seller.
        sellers: Sellers SellerFigures,
        /// The number of tickets that are held at the same time.
        concurrency: ConcurrentHolds ConcurrencyFigures,
    }
}

set! {
    /// All built-in folds.
    AllFolds
    /// The figures of all built-in folds.
    AllFigures
    &[TICKETS, ORDERS, PAYMENTS] => {
        /// Those that are also shown live.
        market: MarketFolds MarketFigures,
        /// Retries, and commands that came too late.
        conflicts: Conflicts ConflictFigures,
    }
}
