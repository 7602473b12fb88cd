//! Generates the tickets.

use domain::{Price, Title};

use crate::{error::SimulationError, rng::Rng};

const ACTS: [(&str, u64); 12] = [
    ("The Paper Lanterns", 4_500),
    ("Harbor Choir", 3_200),
    ("Nine Winters", 6_900),
    ("Ada & the Engines", 8_800),
    ("Chamber Orchestra of the North", 7_500),
    ("Late Trams", 2_800),
    ("Marble Arch Quartet", 4_000),
    ("Glass Meridian", 12_500),
    ("The Understudies", 3_600),
    ("Salt Road", 5_400),
    ("Open Air Opera", 14_000),
    ("City Derby", 9_900),
];
const VENUES: [&str; 6] = [
    "the Roundhouse",
    "Pier Hall",
    "the Old Foundry",
    "Station Square",
    "the Winter Garden",
    "Canal Theatre",
];
/// Seat categories, and their value in percent of the usual price.
const PLACES: [(&str, u64); 4] = [
    ("balcony", 70),
    ("standing", 100),
    ("stalls", 140),
    ("box", 260),
];

/// A ticket that a seller is about to list.
#[derive(Debug)]
pub(crate) struct Offer {
    pub title: Title,
    /// Its value to buyers, in cents.
    pub worth: u64,
    /// The seller's first price.
    pub price: Price,
}

pub(crate) fn draw(rng: &mut Rng) -> Result<Offer, SimulationError> {
    let (act, usual) = ACTS[rng.skewed(ACTS.len())];
    let venue = VENUES[rng.index(VENUES.len())];
    let (place, share) = PLACES[rng.skewed(PLACES.len())];
    let (row, seat) = (rng.between(1, 40), rng.between(1, 60));
    let worth = usual * share / 100;
    let title = Title::parse(&format!(
        "{act} at {venue}, {place}, row {row}, seat {seat}"
    ))?;
    // Some sellers want a quick sale, most ask slightly more than the value, some dream.
    let asked = match rng.below(10) {
        0..=1 => rng.between(75, 95),
        2..=7 => rng.between(92, 122),
        _ => rng.between(115, 190),
    };
    Ok(Offer {
        title,
        worth,
        price: rounded(worth * asked / 100)?,
    })
}

/// A typical price: large ones in whole units, small ones in halves.
pub(crate) fn rounded(cents: u64) -> Result<Price, SimulationError> {
    let step = if cents >= 5_000 { 100 } else { 50 };
    Ok(Price::from_cents((cents / step * step).max(step))?)
}

/// The probability, in percent, that a user who sees it wants it.
pub(crate) fn appeal(price: Price, worth: u64) -> u64 {
    match price.cents() * 100 / worth.max(1) {
        0..=80 => 92,
        81..=95 => 74,
        96..=105 => 52,
        106..=120 => 30,
        121..=145 => 12,
        _ => 3,
    }
}
