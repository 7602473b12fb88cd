use api::analytics::{ANALYTICS, Analytics};

use super::{Request, get};

/// The figures of the market, for analysts.
pub fn analytics() -> Request<Analytics> {
    get(ANALYTICS.to_owned())
}
