//! The JSON form of log lines: one flat object, in which the fields of its spans (its request, its
//! trace, its worker) stand next to the line's own, with the same names in every line.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    Layer,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, time::FormatTime},
    layer::Context,
    registry::LookupSpan,
};

/// Fields with this prefix are for the exporter of traces.
const FOR_TRACES: &str = "otel.";

/// Fields of a span, stored with it.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if !field.name().starts_with(FOR_TRACES) {
            self.0.insert(field.name().to_owned(), value);
        }
    }
}

/// Stores the fields of spans for the lines in them. (The formatter's own form is text.)
pub(super) struct KeepFields;

impl<S> Layer<S> for KeepFields
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }
}

/// Writes a line.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        tracing_subscriber::fmt::time::SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Fields::default();
        let known = [
            ("timestamp", time.as_str()),
            ("level", event.metadata().level().as_str()),
            ("target", event.metadata().target()),
        ];
        for (name, value) in known {
            line.0.insert(name.to_owned(), value.into());
        }
        if let Some(scope) = ctx.event_scope() {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    let fields = fields.0.iter();
                    line.0
                        .extend(fields.map(|(name, value)| (name.clone(), value.clone())));
                }
            }
        }
        // Last: the line's own fields win.
        event.record(&mut line);
        writeln!(writer, "{}", Value::Object(line.0))
    }
}
