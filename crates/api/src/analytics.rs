//! The figures of the market, for users with the role of an analyst.
//!
//! They are those of `turnstile replay`, of the whole log up to [`Analytics::progress`]. Shares and
//! means are not included: they can be computed from their parts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Amount;

/// The route of [`Analytics`]: 401 without a session, 403 without the role `analyst`.
pub const ANALYTICS: &str = "/api/analytics";
/// Its live stream, as server-sent events: the first right after the stream is open, another at
/// most once per second. 401 and 403 as above; an open stream ends when the role or the session
/// does.
pub const ANALYTICS_EVENTS: &str = "/api/analytics/events";
/// The name of the events of that stream. The data of each is an [`Analytics`].
pub const ANALYTICS_EVENT: &str = "analytics";

/// The contents of the page for analysts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Analytics {
    /// The part of the log that these figures cover.
    pub progress: AnalyticsProgress,
    /// Orders and revenue by hour (UTC): the newest hours with any, up to 168, in order of time.
    /// Hours without any are left out.
    pub sales_by_hour: Vec<SalesPeriod>,
    /// The same by day (UTC), up to 366.
    pub sales_by_day: Vec<SalesPeriod>,
    /// Prices of tickets.
    pub prices: PriceDistribution,
    /// How far tickets get.
    pub ticket_funnel: TicketFunnel,
    /// How far orders get.
    pub order_funnel: OrderFunnel,
    /// How long tickets take to sell.
    pub time_to_sale: TimeToSale,
    /// How holds ended.
    pub holds: HoldOutcomes,
    /// Sellers.
    pub sellers: SellerRevenues,
    /// How many tickets are held, now and before.
    pub live_holds: LiveHolds,
}

/// The part of the log that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnalyticsProgress {
    /// Commits that these figures cover.
    pub commits: u64,
    /// Commits in the log when it was last checked.
    pub of: u64,
    /// Whether the log has been read to its end once. Until then the figures are those of its
    /// beginning, and grow.
    pub caught_up: bool,
    /// The time of the newest event that was counted; `null` if there is none.
    #[serde(default, deserialize_with = "crate::time::read_some")]
    pub newest: Option<DateTime<Utc>>,
}

/// Sales in an hour or on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SalesPeriod {
    /// When it began.
    #[serde(deserialize_with = "crate::time::read")]
    pub begin: DateTime<Utc>,
    /// Orders that were placed in it.
    pub placed: u64,
    /// Orders that were paid in it.
    pub sold: u64,
    /// Revenue of the paid ones.
    pub revenue: Amount,
}

/// The distribution of prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PriceDistribution {
    /// Statistics of the prices at which tickets were first listed; `null` if none was.
    pub listed: Option<Distribution<Amount>>,
    /// Statistics of the prices of paid orders; `null` if none was paid.
    pub sold: Option<Distribution<Amount>>,
    /// All price bands, lowest first, including empty ones.
    pub bands: Vec<PriceBand>,
}

/// The distribution of amounts, or of durations in milliseconds. Percentiles are values that
/// occurred (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Distribution<T> {
    /// The number of values.
    pub count: u64,
    /// The lowest.
    pub lowest: T,
    /// A tenth is at or below it.
    pub p10: T,
    /// A quarter is at or below it.
    pub p25: T,
    /// Half is at or below it.
    pub median: T,
    /// Three quarters are at or below it.
    pub p75: T,
    /// Nine tenths are at or below it.
    pub p90: T,
    /// The highest.
    pub highest: T,
    /// The mean, rounded.
    pub mean: T,
}

/// A band of prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PriceBand {
    /// Prices from here on (included).
    pub from: Amount,
    /// Prices below this; `null` for the highest band.
    pub below: Option<Amount>,
    /// Tickets that were first offered in this band.
    pub listed: u64,
    /// Orders that were paid in it.
    pub sold: u64,
    /// Their revenue.
    pub revenue: Amount,
}

/// Numbers of tickets by stage; each is part of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TicketFunnel {
    /// Tickets that were listed.
    pub listed: u64,
    /// Those of them that were ordered at least once.
    pub held: u64,
    /// Those of them for which a payment was begun.
    pub paying: u64,
    /// Those of them that were sold.
    pub sold: u64,
}

/// Numbers of orders by stage. Each placed order is paid, expired, cancelled or open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderFunnel {
    /// Orders that were placed.
    pub placed: OrderTally,
    /// Those for which a payment was begun, however it ended.
    pub paying: OrderTally,
    /// Those that were paid.
    pub paid: OrderTally,
    /// Those that expired.
    pub expired: OrderTally,
    /// Those that the buyer cancelled.
    pub cancelled: OrderTally,
    /// Those that aren't over.
    pub open: OrderTally,
}

/// Some orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderTally {
    /// Their number.
    pub orders: u64,
    /// Their value.
    pub value: Amount,
}

/// How long tickets take to sell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimeToSale {
    /// From the listing to the paid order, in milliseconds; `null` if nothing was sold.
    pub listed_to_sold_ms: Option<Distribution<u64>>,
    /// From placing the order that was paid to its payment, in milliseconds; `null` if nothing was
    /// sold.
    pub placed_to_paid_ms: Option<Distribution<u64>>,
    /// All bands of times from the listing to the sale, shortest first, including empty ones.
    pub bands: Vec<DurationBand>,
}

/// A band of times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DurationBand {
    /// Times from here on (included).
    pub from_ms: u64,
    /// Times below this; `null` for the longest.
    pub below_ms: Option<u64>,
    /// Tickets whose time is in this band.
    pub sold: u64,
}

/// The outcomes of holds, and how many are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HoldOutcomes {
    /// Holds that ended with a payment.
    pub paid: HoldOutcome,
    /// Holds that expired.
    pub expired: HoldOutcome,
    /// Holds that the buyer cancelled.
    pub cancelled: HoldOutcome,
    /// Holds that aren't over.
    pub open: u64,
}

/// The holds with one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HoldOutcome {
    /// Their number.
    pub count: u64,
    /// Number of them for which a payment was begun.
    pub paying: u64,
    /// The value of the orders.
    pub value: Amount,
    /// How long they lasted, in milliseconds; `null` if there is none.
    pub lasted_ms: Option<Distribution<u64>>,
}

/// Sellers and their revenue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SellerRevenues {
    /// Number of users that have ever listed a ticket.
    pub count: u64,
    /// Their revenue together.
    pub revenue: Amount,
    /// Those with the highest revenue, up to 50, highest first.
    pub top: Vec<SellerRevenue>,
}

/// The listings and sales of one seller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SellerRevenue {
    /// The seller's user ID.
    pub seller: Uuid,
    /// Tickets that were listed.
    pub listed: u64,
    /// Tickets that were sold.
    pub sold: u64,
    /// Their revenue.
    pub revenue: Amount,
}

/// How many tickets are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveHolds {
    /// Holds that aren't over.
    pub now: u64,
    /// The moment with the most holds at once; `null` if there never was any.
    pub most: Option<MostHolds>,
    /// The newest hours (UTC) in which a hold began or ended, up to 168, in order of time. Between
    /// two of them nothing changed: the number was [`HoldsInHour::at_end`] of the earlier.
    pub by_hour: Vec<HoldsInHour>,
}

/// The most holds at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MostHolds {
    /// Their number.
    pub holds: u64,
    /// When this number was first reached.
    #[serde(deserialize_with = "crate::time::read")]
    pub at: DateTime<Utc>,
}

/// Holds in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HoldsInHour {
    /// When it began.
    #[serde(deserialize_with = "crate::time::read")]
    pub begin: DateTime<Utc>,
    /// Live holds when the hour began.
    pub at_begin: u64,
    /// Holds that began.
    pub placed: u64,
    /// Holds that ended with a payment.
    pub paid: u64,
    /// Holds that expired.
    pub expired: u64,
    /// Holds that the buyer cancelled.
    pub cancelled: u64,
    /// The most at once.
    pub peak: u64,
    /// Live holds when the hour ended.
    pub at_end: u64,
}
