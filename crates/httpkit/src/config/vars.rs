//! Every environment variable, declared once: this table is read, documented and checked.

use super::{currency, payments_mode, reader::Var};

macro_rules! vars {
    ($($ident:ident = $var:expr;)*) => {
        $(pub(super) const $ident: Var = $var;)*
        /// Every variable, in the order in which they are documented.
        pub const VARS: &[Var] = &[$($ident),*];
    };
}

vars! {
    HOST = Var::new("HOST", "127.0.0.1", "a host name or address", "Where to listen; 0.0.0.0 for every interface.");
    PORT = Var::new("PORT", "8080", "a port, 0 to 65535", "Port to listen on; 0 takes a free one.");
    NATS_URL = Var::new("NATS_URL", "nats://127.0.0.1:4222", "nats:// or tls:// URLs, separated by commas", "The NATS servers that hold the log.");
    NATS_CA_FILE = Var::optional("NATS_CA_FILE", "a PEM file", "The authorities that NATS's certificate must come from; the system's if unset.");
    NATS_CERT_FILE = Var::optional("NATS_CERT_FILE", "a PEM file", "The client certificate for NATS.");
    NATS_KEY_FILE = Var::optional("NATS_KEY_FILE", "a PEM file", "The key of NATS_CERT_FILE.");
    NATS_USER = Var::optional("NATS_USER", "letters, digits, _ and -", "The user to sign in to NATS as. Replies arrive on subjects below _INBOX.<user>.");
    NATS_PASSWORD = Var::optional("NATS_PASSWORD", "a password", "The password of NATS_USER.").secret();
    NATS_CREDS_FILE = Var::optional("NATS_CREDS_FILE", "a .creds file", "Credentials to sign in to NATS with, instead of NATS_USER.");
    MONGODB_URI = Var::new("MONGODB_URI", "mongodb://127.0.0.1:27017", "a mongodb:// or mongodb+srv:// URI", "The MongoDB that holds the read models.");
    MONGODB_DATABASE = Var::new("MONGODB_DATABASE", "turnstile", "1 to 38 letters, digits, _ and -", "Database of the read models; every service keeps its own collections there.");
    STREAM_REPLICAS = Var::new("STREAM_REPLICAS", "1", "1, 3 or 5", "Copies that the NATS cluster keeps of each stream.");
    DATA_DIR = Var::new("DATA_DIR", ".data", "a directory", "Directory for keys that are made on first start, and for the sandbox's charges.");
    LOG_FORMAT = Var::new("LOG_FORMAT", "text", "text or json", "Format of the log lines.");
    LOG_LEVEL = Var::new("LOG_LEVEL", "info", "a tracing filter such as info or info,httpkit=debug", "What is logged. RUST_LOG wins if it is set.");
    OTEL_EXPORTER_OTLP_ENDPOINT = Var::optional("OTEL_EXPORTER_OTLP_ENDPOINT", "an http:// or https:// URL", "Where traces are sent: OTLP over HTTP, to /v1/traces below it. If unset, no traces are recorded.");
    OTEL_EXPORTER_OTLP_HEADERS = Var::optional("OTEL_EXPORTER_OTLP_HEADERS", "name=value pairs, separated by commas", "Headers to send with traces, such as a collector's key.").secret();
    OTEL_TRACES_SAMPLER = Var::new("OTEL_TRACES_SAMPLER", "parentbased_always_on", "always_on, always_off, traceidratio, or one of them after parentbased_", "Which traces are recorded; parentbased_: those that the caller records, and the given share of those that begin here.");
    OTEL_TRACES_SAMPLER_ARG = Var::new("OTEL_TRACES_SAMPLER_ARG", "1", "0 to 1", "The share of traces that traceidratio records.");
    OTEL_RESOURCE_ATTRIBUTES = Var::optional("OTEL_RESOURCE_ATTRIBUTES", "name=value pairs, separated by commas", "Attributes of the process in traces, in addition to its name and version, such as its pod.");
    REQUEST_TIMEOUT_SECONDS = Var::new("REQUEST_TIMEOUT_SECONDS", "10", "1 to 12", "Requests that take longer than this return 503.");
    BODY_LIMIT_BYTES = Var::new("BODY_LIMIT_BYTES", "65536", "1024 to 16777216", "Longest body of a request; longer ones return 413.");
    SHUTDOWN_SECONDS = Var::new("SHUTDOWN_SECONDS", "20", "0 to 600", "How long accepted requests may take to finish on shutdown.");
    HTTP_WORKERS = Var::optional("HTTP_WORKERS", "1 to 1024", "Threads that answer requests; one per processor if unset.");
    TRUSTED_PROXIES = Var::optional("TRUSTED_PROXIES", "addresses and networks such as 10.0.0.0/8, separated by commas", "Proxies whose X-Forwarded-For, -Proto and -Host headers are trusted.");
    ALLOWED_ORIGINS = Var::optional("ALLOWED_ORIGINS", "origins such as https://tickets.example, separated by commas", "Other origins whose pages may send commands.");
    COOKIE_SECURE = Var::new("COOKIE_SECURE", "auto", "auto, always or never", "Whether the session cookie is sent over https only; auto: if a trusted proxy reports that the client uses https.");
    SESSION_SECONDS = Var::new("SESSION_SECONDS", "604800", "60 to 31536000", "How long a session lasts.");
    SESSION_PRIVATE_KEY = Var::optional("SESSION_PRIVATE_KEY", "an Ed25519 private key, PKCS#8 PEM", "Signs sessions (auth only). If unset, a key is made on first start and kept in DATA_DIR.").secret();
    ORDER_HOLD_SECONDS = Var::new("ORDER_HOLD_SECONDS", "900", "1 to 604800", "How long an unpaid order holds its ticket.");
    LIVE_WATCHERS = Var::new("LIVE_WATCHERS", "5000", "1 to 1000000", "Live streams per process, of tickets and of figures for analysts (at most 200 of these); further ones return 503.");
    SIGNIN_FAILURES_PER_ACCOUNT = Var::new("SIGNIN_FAILURES_PER_ACCOUNT", "20", "1 to 1000000", "Failed sign-ins on one account in SIGNIN_WINDOW_SECONDS before 429.");
    SIGNIN_FAILURES_PER_ADDRESS = Var::new("SIGNIN_FAILURES_PER_ADDRESS", "500", "1 to 1000000", "Failed sign-ins from one address in SIGNIN_WINDOW_SECONDS before 429.");
    SIGNIN_WINDOW_SECONDS = Var::new("SIGNIN_WINDOW_SECONDS", "900", "1 to 86400", "The window in which failed sign-ins are counted.");
    SIGNUPS_PER_ADDRESS = Var::new("SIGNUPS_PER_ADDRESS", "3000", "1 to 10000000", "Sign-ups from one address in SIGNUP_WINDOW_SECONDS before 429.");
    SIGNUP_WINDOW_SECONDS = Var::new("SIGNUP_WINDOW_SECONDS", "60", "1 to 86400", "The window in which sign-ups are counted.");
    PASSWORD_HASHERS = Var::optional("PASSWORD_HASHERS", "1 to 1024", "Passwords hashed at once (19 MiB each); one per processor if unset.");
    PAYMENTS = Var::optional("PAYMENTS", payments_mode::ALLOWED, "The payment provider. The payments service doesn't start without it; with Stripe it needs all three keys, of that mode.");
    SANDBOX_ALLOWED = Var::new("SANDBOX_ALLOWED", "no", "yes or no", "Whether the sandbox, which gives tickets away, may serve other machines: with a HOST that isn't a loopback address, or with COOKIE_SECURE=always.");
    STRIPE_SECRET_KEY = Var::optional("STRIPE_SECRET_KEY", "a secret key of Stripe (sk_… or rk_…) of the mode that PAYMENTS names", "Charges cards through Stripe.").secret();
    STRIPE_PUBLISHABLE_KEY = Var::optional("STRIPE_PUBLISHABLE_KEY", "a publishable key of Stripe (pk_…) of the same mode", "Lets the web app show Stripe's own card form.");
    STRIPE_WEBHOOK_SECRET = Var::optional("STRIPE_WEBHOOK_SECRET", "a signing secret of Stripe (whsec_…)", "Verifies Stripe's webhooks.").secret();
    STRIPE_API_BASE = Var::new("STRIPE_API_BASE", "https://api.stripe.com", "an http:// or https:// URL", "Where Stripe's API is.");
    STRIPE_TIMEOUT_SECONDS = Var::new("STRIPE_TIMEOUT_SECONDS", "8", "1 to 120, and at most REQUEST_TIMEOUT_SECONDS", "Calls to Stripe that take longer than this have failed.");
    CURRENCY = Var::new("CURRENCY", "usd", currency::ALLOWED, "Currency of prices. An order is charged in the currency that was set when it was placed.");
}
