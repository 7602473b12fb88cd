//! The sandbox's journal: the money from the provider's view.

use serde_json::Value;
use std::{collections::HashMap, path::Path};

/// The money of one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The amount, in cents.
    pub cents: u64,
    /// Numbers of holds, captures and releases.
    pub held: usize,
    pub captured: usize,
    pub voided: usize,
}

impl Charge {
    /// Whether the money was captured.
    pub fn is_kept(&self) -> bool {
        self.captured > 0
    }

    /// Whether the money is neither free nor captured.
    pub fn is_in_between(&self) -> bool {
        self.held > 0 && self.captured + self.voided == 0
    }
}

/// The charges by order. A missing journal has none.
pub fn charges(data_dir: &Path) -> HashMap<String, Charge> {
    let journal = data_dir.join("sandbox-payments.ndjson");
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let mut orders: HashMap<String, String> = HashMap::new();
    let mut charges: HashMap<String, Charge> = HashMap::new();
    // A line without its end is still being written.
    for line in text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        let entry: Value = serde_json::from_str(line).unwrap();
        let payment = entry["payment_id"].as_str().unwrap().to_owned();
        if entry["event"] == "opened" {
            let order = entry["order_id"].as_str().unwrap().to_owned();
            let charge = charges.entry(order.clone()).or_default();
            charge.cents = entry["amount_cents"].as_u64().unwrap();
            orders.insert(payment, order);
            continue;
        }
        let charge = charges.get_mut(&orders[&payment]).unwrap();
        match entry["event"].as_str().unwrap() {
            "authorized" => charge.held += 1,
            "captured" => charge.captured += 1,
            "voided" => charge.voided += 1,
            // The provider's own actions, later.
            "refunded" | "disputed" => {}
            other => panic!("{other} in the journal"),
        }
    }
    charges
}
