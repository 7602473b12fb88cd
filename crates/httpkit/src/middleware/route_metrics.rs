//! Rate, errors and duration per route.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use actix_web::http::Method;
use metrics::{Counter, Histogram, counter, histogram};

/// The metric handles that this worker has used so far: a lookup in the registry would cost several
/// allocations and a lock.
#[derive(Default)]
pub(super) struct RouteMetrics(RefCell<HashMap<String, Vec<Cell>>>);

struct Cell {
    method: &'static str,
    status: u16,
    requests: Counter,
    duration: Histogram,
}

impl RouteMetrics {
    pub(super) fn record(&self, route: &str, method: &Method, status: u16, elapsed: Duration) {
        let method = label(method);
        let mut routes = self.0.borrow_mut();
        if let Some(cells) = routes.get_mut(route) {
            match cells.iter().find(|cell| cell.is_of(method, status)) {
                Some(cell) => cell.record(elapsed),
                None => cells.push(Cell::first(route, method, status, elapsed)),
            }
        } else {
            let first = Cell::first(route, method, status, elapsed);
            routes.insert(route.to_owned(), vec![first]);
        }
    }
}

impl Cell {
    fn is_of(&self, method: &'static str, status: u16) -> bool {
        self.status == status && self.method == method
    }

    fn record(&self, elapsed: Duration) {
        self.requests.increment(1);
        self.duration.record(elapsed);
    }

    fn first(route: &str, method: &'static str, status: u16, elapsed: Duration) -> Self {
        let cell = Self::new(route, method, status);
        cell.record(elapsed);
        cell
    }

    fn new(route: &str, method: &'static str, status: u16) -> Self {
        let route = route.to_owned();
        Self {
            method,
            status,
            requests: counter!(
                "http_requests_total",
                "method" => method, "route" => route.clone(), "status" => status.to_string()
            ),
            duration: histogram!(
                "http_request_duration_seconds", "method" => method, "route" => route
            ),
        }
    }
}

/// Only known methods: a client could invent others, each of which would be a new series.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
