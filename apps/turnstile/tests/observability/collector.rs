//! A collector of traces: it accepts OTLP, protobuf over HTTP, and keeps all spans.

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1,
};
use prost::Message as _;
use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

/// Listens as long as it lives.
pub struct Collector {
    url: String,
    spans: Spans,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A span, as received; IDs are hexadecimal.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    /// Traces that it points to.
    pub links: Vec<String>,
}

impl Collector {
    pub fn start() -> Self {
        let spans = Spans::default();
        let kept = web::Data::new(spans.clone());
        let app = move || {
            App::new()
                .app_data(kept.clone())
                .app_data(web::PayloadConfig::new(16 << 20))
                .route("/v1/traces", web::post().to(take))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = tokio::spawn(server.run());
        Self { url, spans, server }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The spans so far that satisfy a condition.
    pub fn spans(&self, is_meant: impl Fn(&Span) -> bool) -> Vec<Span> {
        let spans = self.spans.lock().unwrap();
        spans
            .iter()
            .filter(|span| is_meant(span))
            .cloned()
            .collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(body: web::Bytes, spans: web::Data<Spans>) -> HttpResponse {
    let sent = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in sent.resource_spans {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let name = attributes
            .into_iter()
            .find(|pair| pair.key == "service.name");
        let name = name.and_then(|pair| pair.value?.value);
        let Some(Value::StringValue(service)) = name else {
            panic!("a resource without a service's name");
        };
        let sent = resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        let mut spans = spans.lock().unwrap();
        spans.extend(sent.map(|span| read(&service, span)));
    }
    HttpResponse::Ok().finish()
}

fn read(service: &str, span: v1::Span) -> Span {
    Span {
        service: service.to_owned(),
        name: span.name,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
