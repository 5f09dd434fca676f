//! The properties a report states of a case or a suite, beside the results.

use crate::ingest::junit::markup::{attributes, local, start_tag, unescape};

/// Number of properties kept of a failure, of its case and all suites around it together.
const PROPERTIES_MAX: usize = 100;

/// The longest name and the longest value kept, in bytes.
const NAME_BYTES_MAX: usize = 200;
const VALUE_BYTES_MAX: usize = 1 << 10;

/// Bytes of properties kept of a failure: each has those of its suites, so that there may not be many.
const BYTES_MAX: usize = 8 << 10;

/// Properties in the order in which they are stated.
#[derive(Debug, Clone, Default)]
pub(super) struct Properties {
    list: Vec<(String, String)>,
    n_bytes: usize,
}

impl Properties {
    /// Adds one, if there is room for it.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        let (name, value) = (beginning(name.trim(), NAME_BYTES_MAX), beginning(value.trim(), VALUE_BYTES_MAX));
        let n_bytes = self.n_bytes + name.len() + value.len();
        if self.list.len() < PROPERTIES_MAX && n_bytes <= BYTES_MAX && !name.is_empty() {
            self.n_bytes = n_bytes;
            self.list.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Adds those of an element's raw content: `<property name="…" value="…"/>`, or with the value as text.
    pub(super) fn read(&mut self, raw: &str) {
        let mut rest = raw;
        while let Some(at) = rest.find('<').filter(|_| self.list.len() < PROPERTIES_MAX) {
            rest = &rest[at..];
            let Some(tag) = start_tag(rest) else { return };
            rest = &rest[tag.end.length.max(1)..];
            if local(tag.name) == "property" {
                let text = if tag.end.is_empty { "" } else { rest.split('<').next().unwrap_or_default() };
                self.add_read(tag.attributes, text);
            }
        }
    }

    /// Returns the value of the property with this name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Adds those of another list.
    pub(super) fn extend(&mut self, others: &Self) {
        others.list.iter().for_each(|(name, value)| self.add(name, value));
    }

    pub(super) fn into_list(self) -> Vec<(String, String)> {
        self.list
    }

    fn add_read(&mut self, after_name: &str, text: &str) {
        let (mut name, mut value) = ("", text);
        for (attribute, own) in attributes(after_name) {
            match attribute {
                "name" => name = own,
                "value" => value = own,
                _ => {}
            }
        }
        self.add(&unescape(name), &unescape(value));
    }
}

fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_in_both_ways_they_are_written() {
        let mut properties = Properties::default();
        properties.read("\n<property name='a' value='1 &lt; 2'/><x:property name=\"b\">text\n</x:property><other name='c'/><property");
        assert_eq!(properties.value("a"), Some("1 < 2"));
        assert_eq!(properties.into_list(), [("a".into(), "1 < 2".into()), ("b".into(), "text".into())]);
    }

    #[test]
    fn there_is_an_end_to_the_properties_kept() {
        let mut properties = Properties::default();
        properties.read(&"<property name='a' value='b'/>".repeat(1000));
        assert_eq!(properties.into_list().len(), PROPERTIES_MAX);
        let mut properties = Properties::default();
        properties.read(&format!("<property name='a' value='{}'/>", "é".repeat(5000)).repeat(1000));
        let list = properties.into_list();
        assert!(
            list.len() > 1 && list.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= BYTES_MAX
        );
    }
}
