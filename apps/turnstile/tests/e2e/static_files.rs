//! The app's files as a server sends them, without a browser.

use testkit::Response;

use crate::support::Site;

const DEEP_LINK: &str = "/orders/05a0fdfd-7106-58b1-a4dd-bae875bf56c7";

/// The files that the page loads.
fn assets(page: &str) -> Vec<String> {
    let mut found: Vec<_> = page
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .map(ToOwned::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

async fn get(site: &Site, path: &str, encoding: &str) -> Response {
    let call = site.app.client().get(path);
    call.header("accept-encoding", encoding)
        .await
        .expect_status(200)
}

#[tokio::test]
async fn files_are_sent_in_the_smallest_encoding_and_cached() {
    let site = Site::start().await;
    let page = get(&site, "/", "identity").await;
    let assets = assets(&page.text);
    assert!(assets.len() >= 3, "script, style and program: {assets:?}");
    for path in &assets {
        let plain = get(&site, path, "identity").await;
        let gzip = get(&site, path, "gzip").await;
        let brotli = get(&site, path, "gzip, deflate, br").await;
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(brotli.header("content-encoding"), Some("br"), "{path}");
        let length = |answer: &Response| answer.header("content-length").unwrap().parse::<u64>();
        let (plain, gzip, brotli) = (
            length(&plain).unwrap(),
            length(&gzip).unwrap(),
            length(&brotli).unwrap(),
        );
        assert!(
            brotli < gzip && gzip < plain,
            "{path}: {brotli}, {gzip}, {plain}"
        );
        let kept = get(&site, path, "br").await;
        assert_eq!(
            kept.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        assert_eq!(kept.header("vary"), Some("Accept-Encoding"));
    }
}

#[tokio::test]
async fn the_page_has_text_before_scripts_and_a_strict_policy() {
    let site = Site::start().await;
    let page = get(&site, DEEP_LINK, "identity").await;
    let at_home = get(&site, "/", "identity").await;
    assert_eq!(
        page.text, at_home.text,
        "a deep link leads to the app, which knows its pages"
    );

    let before_scripts = page.text.split("<noscript").next().unwrap();
    for word in ["<h1", "Turnstile", "Sell", "My tickets"] {
        assert!(before_scripts.contains(word), "{word} is in the skeleton");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert!(!policy.contains("https:"), "nothing from others: {policy}");
    let scripts = policy
        .split(';')
        .find(|part| part.trim().starts_with("script-src"));
    assert_eq!(
        scripts.map(str::trim),
        Some("script-src 'self' 'wasm-unsafe-eval'")
    );

    // It can change with each release, so it is revalidated each time, and sent only if it changed.
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let tag = page.header("etag").unwrap();
    let again = site.app.client().get("/").header("if-none-match", tag);
    again
        .header("accept-encoding", "identity")
        .await
        .assert_status(304);
}

#[tokio::test]
async fn unknown_pages_are_404_and_robots_txt_is_public() {
    let site = Site::start().await;
    for path in ["/nowhere", "/tickets/7", "/selling/1"] {
        let answer = site.app.client().get(path).await.expect_status(404);
        // The app all the same, which shows the error itself.
        assert!(answer.text.contains("<script"), "{path}");
        let tag = answer.header("etag").unwrap_or("\"\"");
        let again = site.app.client().get(path).header("if-none-match", tag);
        again.await.assert_status(404);
    }
    for path in ["/signin", "/orders", "/tickets/new", "/analytics"] {
        site.app.client().get(path).await.assert_status(200);
    }
    let robots = get(&site, "/robots.txt", "identity").await.text;
    let rules: Vec<_> = robots.lines().collect();
    assert_eq!(
        rules,
        ["User-agent: *", "Allow: /api/tickets", "Disallow: /api/"]
    );
    for (path, kind) in [
        ("/favicon.ico", "image/x-icon"),
        ("/icon.svg", "image/svg+xml"),
        ("/icon-512.png", "image/png"),
        ("/apple-touch-icon.png", "image/png"),
    ] {
        let icon = site.app.client().get(path).await;
        assert_eq!(icon.status, 200, "{path}");
        assert_eq!(icon.header("content-type"), Some(kind), "{path}");
    }
}

#[tokio::test]
async fn a_missing_file_is_404() {
    let site = Site::start().await;
    for path in [
        "/assets/app-0000000000000000.js",
        "/index.html.br",
        "/.stamp",
    ] {
        site.app.client().get(path).await.assert_status(404);
    }
}
