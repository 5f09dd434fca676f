//! Events as JSON Lines on standard output, for programs: one complete line an event, flushed, `{"event": …}`.

use serde_json::Value;

use crate::model::Event;
use crate::report::{Clean, Data, ReportError, Reporter, Streams, Tap, Wanted};

/// What is handed over byte for byte: the patch and its diff.
const EXACT: &[&str] = &["diff", "patch"];

struct JsonLines {
    data: Tap,
    clean: Clean,
}

#[expect(clippy::unnecessary_wraps, reason = "the family shares one signature")]
pub(super) fn make(wanted: &Wanted, streams: &mut Streams) -> Result<Option<Box<dyn Reporter>>, ReportError> {
    if wanted.data != Data::Events {
        return Ok(None);
    }
    Ok(Some(Box::new(JsonLines { data: Tap::new(streams.take_data()), clean: wanted.clean.clone() })))
}

impl Reporter for JsonLines {
    fn hear(&mut self, event: &Event) {
        let Ok(value) = serde_json::to_value(event) else { return };
        self.data.put(line(cleaned(value, &self.clean)).as_bytes());
    }

    fn complaint(&self) -> Option<String> {
        self.data.complaint.clone()
    }
}

/// Words an event as one line, its name first.
fn line(mut event: Value) -> String {
    let name = event.as_object_mut().and_then(|members| members.remove("event")).unwrap_or_default();
    match event.to_string().as_str() {
        "{}" => format!("{{\"event\":{name}}}\n"),
        members => format!("{{\"event\":{name},{}\n", &members[1..]),
    }
}

/// Returns a value with every string cleaned, except where a patch is handed over.
pub(super) fn cleaned(value: Value, clean: &Clean) -> Value {
    match value {
        Value::String(text) => Value::String(clean(&text)),
        Value::Array(items) => items.into_iter().map(|item| cleaned(item, clean)).collect(),
        Value::Object(members) => {
            let member = |(key, value): (String, Value)| {
                let exact = EXACT.contains(&key.as_str());
                (clean(&key), if exact { value } else { cleaned(value, clean) })
            };
            members.into_iter().map(member).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
