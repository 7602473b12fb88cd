//! Where the API's description is. It needs no store, so it is served even while one is down.

pub(crate) const JSON_PATH: &str = "/api/openapi.json";
pub(crate) const PAGE_PATH: &str = "/api/docs";
