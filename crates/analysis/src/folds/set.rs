//! Several folds that see the log together.

use chrono::{DateTime, Utc};
use event_streams::{ORDERS, PAYMENTS, TICKETS};
use eventstore::StreamName;

use super::{
    ConcurrencyFigures, ConcurrentHolds, ConflictFigures, Conflicts, Funnel, FunnelFigures,
    HoldFigures, Holds, PriceFigures, Prices, SaleTimeFigures, Sales, SalesFigures, SellerFigures,
    Sellers, TimeToSale,
};
use crate::{Entry, Fold, Table};

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

        impl $figures {
            /// Returns the figures as tables.
            pub fn tables(&self) -> Vec<Table> {
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

            fn apply(&mut self, entry: &Entry<'_>) {
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
        /// What sold, by hour and by day.
        sales: Sales SalesFigures,
        /// What tickets cost.
        prices: Prices PriceFigures,
        /// How many tickets and orders get how far.
        funnel: Funnel FunnelFigures,
        /// How long it takes until a ticket is sold.
        time_to_sale: TimeToSale SaleTimeFigures,
        /// How holds end.
        holds: Holds HoldFigures,
        /// Who sells what.
        sellers: Sellers SellerFigures,
        /// How many tickets are held at once.
        concurrency: ConcurrentHolds ConcurrencyFigures,
    }
}

set! {
    /// All built-in folds.
    AllFolds
    /// The figures of all built-in folds.
    AllFigures
    &[TICKETS, ORDERS, PAYMENTS] => {
        /// Those that are shown live, too.
        market: MarketFolds MarketFigures,
        /// What was tried again, and what came too late.
        conflicts: Conflicts ConflictFigures,
    }
}
