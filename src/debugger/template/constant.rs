//! `10` → `9`: another whole number.

use crate::debugger::template::Template;
use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::{PanicKind, Symptom};
use crate::syntax::Node;

/// Another whole number: off by what the failure tells, off by one, 0, 1.
pub(super) struct Constant;

impl Template for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        8.0 * symptom.on_panic(PanicKind::OutOfBounds, 1.2, 1.0)
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        if node.kind() != "integer_literal" {
            return Vec::new();
        }
        let Some(number) = Number::read(node.text()) else { return Vec::new() };
        let is_tuple_field = node.field() == Some("field");
        let mut values: Vec<(Option<i128>, f64)> = Vec::new();
        if let Some(delta) = symptom.delta.filter(|_| !is_tuple_field) {
            values.extend([(number.value.checked_add(delta), 4.0), (number.value.checked_sub(delta), 2.0)]);
        }
        // Below 0 most numbers of a program make no sense, and many types have none.
        let below = if number.value > 0 { 1.0 } else { 0.2 };
        values.extend([(number.value.checked_add(1), 1.0), (number.value.checked_sub(1), below)]);
        if !is_tuple_field {
            values.extend([(Some(0), 0.5), (Some(1), 0.5)]);
        }
        let is_negated = node.parent().is_some_and(|up| matches!(up.kind(), "unary_expression" | "negative_literal"));
        let mut edits: Vec<Edit> = Vec::new();
        for (value, likelihood) in values {
            let Some(value) = value.filter(|value| *value != number.value && (*value >= 0 || !is_negated)) else {
                continue;
            };
            let new_text = if value < 0 && is_tuple_field { continue } else { number.write(value) };
            if !edits.iter().any(|edit| edit.new_text == new_text) {
                edits.push(Edit::replace(node, new_text).likely(likelihood));
            }
        }
        edits
    }
}

/// A whole number with the manner in which it is written.
struct Number<'a> {
    value: i128,
    radix: u32,
    prefix: &'a str,
    suffix: &'a str,
}

impl<'a> Number<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (radix, prefix) = match text.get(..2) {
            Some("0x") => (16, "0x"),
            Some("0o") => (8, "0o"),
            Some("0b") => (2, "0b"),
            _ => (10, ""),
        };
        let digits = &text[prefix.len()..];
        let n = digits.find(|c: char| c != '_' && !c.is_digit(radix)).unwrap_or(digits.len());
        let value = i128::from_str_radix(&digits[..n].replace('_', ""), radix).ok()?;
        Some(Self { value, radix, prefix, suffix: &digits[n..] })
    }

    fn write(&self, value: i128) -> String {
        let sign = if value < 0 { "-" } else { "" };
        let magnitude = value.unsigned_abs();
        let digits = match self.radix {
            16 => format!("{magnitude:x}"),
            8 => format!("{magnitude:o}"),
            2 => format!("{magnitude:b}"),
            _ => magnitude.to_string(),
        };
        format!("{sign}{}{digits}{}", self.prefix, self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_written_in_the_manner_of_the_one_it_replaces() {
        let changed = |text, value| Number::read(text).unwrap().write(value);
        assert_eq!(changed("10usize", 11), "11usize");
        assert_eq!(changed("0x1F_u8", 32), "0x20_u8".replace('_', ""));
        assert_eq!(changed("1_000", 999), "999");
        assert_eq!(changed("0b101", -1), "-0b1");
    }

    proptest! {
        #[test]
        fn any_literal_is_read_or_left_alone(text in "\\PC{0,20}") {
            Number::read(&text);
        }
    }
}
