//! The web app's files: embedded in a release build, read from `frontend/dist` in a build with
//! debug assertions.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    http::header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue,
        VARY,
    },
    web,
};
use httpkit::{HandlerResult, encoding, error::not_found, etag};
use rust_embed::{EmbeddedFile, RustEmbed};

/// The output of `cargo xtask build-web`. A build without it serves the API alone.
#[derive(RustEmbed)]
#[folder = "../../frontend/dist"]
#[allow_missing = true]
struct Dist;

const PAGE: &str = "index.html";
/// Files whose content can change have no hash in their name; all others do, and are cached
/// forever.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// The sources that Stripe's card form needs, where it is configured. Nothing else is ever loaded
/// from other sites.
const STRIPE_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' https://js.stripe.com; \
    frame-src https://js.stripe.com https://hooks.stripe.com; connect-src 'self' https://api.stripe.com; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Serves the files, and the page for every other path: the app itself decides which pages exist,
/// and shows an error for others.
pub(crate) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/{path:.*}").route(web::get().to(file)));
}

async fn file(path: web::Path<String>, req: HttpRequest) -> HandlerResult {
    let name = if path.is_empty() { PAGE } else { path.as_str() };
    if let Some(file) = find(name, &req) {
        return Ok(answer(name, file, &req));
    }
    // A path like that of a missing file: a page in its place would only confuse.
    if name
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains('.'))
    {
        return Err(not_found());
    }
    let page = find(PAGE, &req).ok_or_else(not_found)?;
    let mut answer = answer(PAGE, page, &req);
    // Crawlers and caches need the status, too. A response of "unchanged" would refer to an
    // existing page.
    if !is_page(name) {
        *answer.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(answer)
}

/// Whether the app has a page at this path. The app decides by `frontend/state/src/route.rs`; the
/// browser tests open each of its pages and expect 200.
fn is_page(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_id = |text: &str| uuid::Uuid::try_parse(text).is_ok();
    match parts.as_slice() {
        [] | ["tickets", "new"] | ["orders" | "selling" | "analytics" | "signin" | "signup"] => {
            true
        }
        ["tickets" | "orders", id] | ["tickets", id, "edit"] => is_id(id),
        _ => false,
    }
}

struct Found {
    file: EmbeddedFile,
    encoding: Option<&'static str>,
}

/// The file, in the best encoding that the client accepts.
fn find(name: &str, req: &HttpRequest) -> Option<Found> {
    // Hidden files (the build's own) and the precompressed forms have no address.
    let ending = name.rsplit('.').next().unwrap_or("");
    if name.split('/').any(|part| part.starts_with('.')) || matches!(ending, "br" | "gz") {
        return None;
    }
    for (encoding, ending) in [("br", "br"), ("gzip", "gz")] {
        if encoding::takes(req.headers(), encoding)
            && let Some(file) = Dist::get(&format!("{name}.{ending}"))
        {
            return Some(Found {
                file,
                encoding: Some(encoding),
            });
        }
    }
    Some(Found {
        file: Dist::get(name)?,
        encoding: None,
    })
}

fn answer(name: &str, found: Found, req: &HttpRequest) -> HttpResponse {
    let Found { file, encoding } = found;
    let mut answer = HttpResponse::Ok();
    // Before "unchanged" is returned: a browser applies the headers of that response to its copy,
    // and without a type the page would get the policy for data, which blocks all of its content.
    answer
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((CONTENT_TYPE, mime(name)));
    if name == PAGE && uses_stripe() {
        answer.insert_header((
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(STRIPE_POLICY),
        ));
    }
    if is_hashed(name) {
        answer.insert_header((CACHE_CONTROL, FOREVER));
    } else {
        let tag = etag::of(&file.data);
        let is_fresh = etag::is_fresh(req.headers(), &tag) && (name != PAGE || is_page(req.path()));
        answer
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((ETAG, tag));
        if is_fresh {
            return answer.status(StatusCode::NOT_MODIFIED).finish();
        }
    }
    if let Some(encoding) = encoding {
        answer.insert_header((CONTENT_ENCODING, encoding));
    }
    answer.body(file.data.into_owned())
}

/// Whether a name contains the hash of its content: `app-1a2b3c4d5e6f.js`.
fn is_hashed(name: &str) -> bool {
    let stem = name
        .rsplit('/')
        .next()
        .and_then(|last| last.split('.').next())
        .unwrap_or("");
    let hash = stem.rsplit('-').next().unwrap_or("");
    hash.len() >= 8 && hash != stem && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// The provider that the payments service reports to the web app, from the same variable: this
/// process may serve the app alone, and then has no key.
/// app alone, and then has no key.
fn uses_stripe() -> bool {
    std::env::var("PAYMENTS").is_ok_and(|mode| mode.trim().starts_with("stripe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_app_are_served() {
        let id = "05a0fdfd-7106-58b1-a4dd-bae875bf56c7";
        for (path, found) in [
            ("", true),
            ("/", true),
            ("orders/", true),
            ("tickets/new", true),
            (format!("tickets/{id}").as_str(), true),
            (format!("tickets/{id}/edit").as_str(), true),
            (format!("orders/{id}").as_str(), true),
            ("selling", true),
            ("nowhere", false),
            ("tickets", false),
            ("tickets/7", false),
            (format!("orders/{id}/edit").as_str(), false),
            (format!("selling/{id}").as_str(), false),
        ] {
            assert_eq!(is_page(path), found, "{path}");
        }
    }

    #[test]
    fn only_files_with_a_hash_are_cached_forever() {
        for (name, hashed) in [
            ("app-1a2b3c4d5e6f.js", true),
            ("assets/app_bg-0123456789abcdef.wasm", true),
            ("index.html", false),
            ("icon.svg", false),
            ("my-decade.css", false),
            ("deadbeef.js", false),
        ] {
            assert_eq!(is_hashed(name), hashed, "{name}");
        }
    }
}
