//! `GET /api/tickets`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::{Amount, TicketSort};
use httpkit::{Fields, HandlerResult};
use read_models::tickets::TicketQuery;
use runtime::pages;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::{TicketsService, response};

/// Everything is read as text, so that each invalid parameter can be named.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Part of the title, in any case.
    q: Option<String>,
    /// Lowest price.
    min_price: Option<String>,
    /// Highest price.
    max_price: Option<String>,
    /// `newest` (the default), `price` or `-price`.
    sort: Option<String>,
    /// How many, 1 to 200; 100 unless given.
    limit: Option<String>,
    /// Where the page before ended; from its `Link` header.
    cursor: Option<String>,
}

/// What is for sale
#[utoipa::path(
    get,
    path = "/api/tickets",
    tag = "tickets",
    params(Parameters),
    responses(
        (status = 200, description = "Tickets for sale", body = [api::Ticket], headers(("Link" = Option<String>))),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`"),
        (status = 400, description = "A parameter is wrong"),
    )
)]
pub(super) async fn list(
    parameters: web::Query<Parameters>,
    req: HttpRequest,
    tickets: web::Data<TicketsService>,
) -> HandlerResult {
    let query = parameters.into_inner().into_query()?;
    let page = tickets
        .view
        .list(&query)
        .await
        .map_err(runtime::read_failed)?;
    let mut answer: HttpResponse = response::rendered(&req, &page);
    pages::link_next(&req, &mut answer, page.next.as_deref());
    Ok(answer)
}

/// Constraints of a sort order in the API's description.
pub(super) fn sort_keywords() -> Value {
    json!({ "enum": ["newest", "price", "-price"] })
}

/// Constraints of a price limit in an address, in the API's description.
pub(super) fn price_keywords() -> Value {
    json!({ "pattern": r"^[+-]?(\d{1,15}(\.\d{0,2})?|\.\d{1,2})$" })
}

impl Parameters {
    fn into_query(self) -> Result<TicketQuery, httpkit::AppError> {
        let mut fields = Fields::default();
        let sort = match self.sort.as_deref() {
            None | Some("" | "newest") => TicketSort::Newest,
            Some("price") => TicketSort::PriceUp,
            Some("-price") => TicketSort::PriceDown,
            Some(_) => {
                fields.refuse("sort", "Sort must be one of newest, price, -price");
                TicketSort::Newest
            }
        };
        let limit = pages::limit(&mut fields, self.limit.as_deref());
        let mut price = |name: &str, text: Option<String>| {
            let text = text.filter(|text| !text.trim().is_empty())?;
            let amount = text.parse::<Amount>();
            if let Err(why) = amount {
                fields.refuse(name, format!("The price {why}"));
            }
            amount
                .ok()
                .map(|amount| u64::try_from(amount.cents).unwrap_or(0))
        };
        let (min_price, max_price) = (
            price("min_price", self.min_price),
            price("max_price", self.max_price),
        );
        fields.finish()?;
        Ok(TicketQuery {
            q: self
                .q
                .map(|q| q.trim().to_owned())
                .filter(|q| !q.is_empty()),
            min_price,
            max_price,
            sort,
            limit,
            cursor: self.cursor.filter(|cursor| !cursor.is_empty()),
        })
    }
}
