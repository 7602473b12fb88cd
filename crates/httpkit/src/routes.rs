//! The routes of a service, each declared once: `#[utoipa::path]` at the handler states its method
//! and path, and both the server's table and the description are made from it.

use actix_web::{
    Resource, Route,
    http::Method,
    web::{self, ServiceConfig},
};
use utoipa::openapi::{OpenApi, PathItem};

/// Lists handlers that have `#[utoipa::path]`. Where two paths fit a request, the one that is named
/// first gets it.
///
/// ```
/// # use actix_web::HttpResponse;
/// #[utoipa::path(get, path = "/api/things", responses((status = 200, description = "Things")))]
/// async fn list() -> HttpResponse {
///     HttpResponse::Ok().finish()
/// }
///
/// let document = httpkit::routes![list].openapi();
/// assert!(document.paths.paths.contains_key("/api/things"));
/// ```
#[macro_export]
macro_rules! routes {
    ($($($handler:ident)::+),+ $(,)?) => {
        $crate::Routes::of([$({
            #[derive(utoipa::OpenApi)]
            #[openapi(paths($($handler)::+))]
            struct Described;
            let description = <Described as utoipa::OpenApi>::openapi();
            (description, actix_web::web::to($($handler)::+))
        }),+])
    };
}

type AddData = Box<dyn FnOnce(&mut ServiceConfig)>;

/// The routes of a service.
#[derive(Default)]
pub struct Routes {
    routes: Vec<(OpenApi, Route)>,
    data: Option<AddData>,
}

impl Routes {
    /// What [`routes!`](crate::routes!) makes: handlers, each with its description.
    pub fn of(routes: impl Into<Vec<(OpenApi, Route)>>) -> Self {
        Self {
            routes: routes.into(),
            data: None,
        }
    }

    /// The same, with data for the handlers: `web::Data<T>`.
    #[must_use]
    pub fn with<T: 'static>(mut self, data: T) -> Self {
        self.data = Some(Box::new(|cfg| {
            cfg.app_data(web::Data::new(data));
        }));
        self
    }

    /// Serves them. Each path is one resource: only that answers 405 for a method that it doesn't
    /// have.
    pub fn register(self, cfg: &mut ServiceConfig) {
        let mut resources: Vec<(String, Vec<Route>)> = Vec::new();
        if let Some(add_data) = self.data {
            add_data(cfg);
        }
        for (description, route) in self.routes {
            let mut paths = description.paths.paths.into_iter();
            let Some((path, item)) = paths.next() else {
                continue;
            };
            let route = route.method(method_of(&item));
            match resources.iter_mut().find(|(known, _)| *known == path) {
                Some((_, routes)) => routes.push(route),
                None => resources.push((path, vec![route])),
            }
        }
        for (path, routes) in resources {
            let resource = web::resource(path);
            cfg.service(routes.into_iter().fold(resource, Resource::route));
        }
    }

    /// What they offer, for the description of the whole API.
    pub fn openapi(self) -> OpenApi {
        let descriptions = self.routes.into_iter().map(|(description, _)| description);
        descriptions.fold(OpenApi::default(), OpenApi::merge_from)
    }
}

/// The one method that a handler is described with.
fn method_of(item: &PathItem) -> Method {
    let methods = [
        (&item.post, Method::POST),
        (&item.put, Method::PUT),
        (&item.delete, Method::DELETE),
        (&item.patch, Method::PATCH),
    ];
    let described = methods
        .into_iter()
        .find(|(operation, _)| operation.is_some());
    described.map_or(Method::GET, |(_, method)| method)
}
