//! Tests of the XML reader, with a visitor that writes down what it is told.

use proptest::prelude::*;

use super::*;
use crate::ingest::Hints;

/// What was told, one word after another: `x[a,b](` for a start with its attributes of that name, the text, `)` for an end.
#[derive(Default)]
struct Written {
    told: String,
    names: Vec<String>,
}

/// The first character of an element's name.
type Initial = char;

impl Visitor for Written {
    type Element = Initial;

    const ROOTS: &'static [&'static str] = &["root"];

    fn element(name: &str, _: &[Initial]) -> Initial {
        name.chars().next().unwrap_or('?')
    }

    fn start(&mut self, path: &[Initial], tag: &Tag<'_>, _: u64, _: &mut Recorder) {
        let [a, b] = tag.texts(["a", "b"]);
        self.told.extend(path.last());
        self.told.extend(["[", &a, ",", &b, "]("]);
        self.names.push(path.iter().collect());
    }

    fn text(&mut self, _: &[Initial], text: &Text<'_>) {
        self.told.push_str(&text.decoded());
    }

    fn end(&mut self, _: &[Initial], _: u64, _: &mut Recorder) {
        self.told.push(')');
    }

    fn finish(&mut self, _: &mut Recorder) {
        self.told.push('.');
    }
}

fn written(xml: &str) -> (Written, Vec<String>) {
    let (mut visitor, mut to) = (Written::default(), Recorder::new(&Hints::default(), None));
    read(&mut Source::of_text(xml), &mut visitor, &mut to);
    let complaints = to.into_reading(Vec::new()).complaints;
    (visitor, complaints.iter().map(ToString::to_string).collect())
}

fn check(xml: &str, told: &str, complaints: &[&str]) {
    let (visitor, found) = written(xml);
    assert_eq!((visitor.told.as_str(), found), (told, complaints.iter().map(ToString::to_string).collect()), "{xml}");
}

#[test]
fn elements_attributes_and_texts_are_told_in_order() {
    check("<root a='1 &lt; 2' b=\">\"><x/>t<y >u</y ></root>", "r[1 < 2,>](x[,]()ty[,](u)).", &[]);
    check("<?xml version='1.0'?><n:root xmlns:n='u'><root><n:x n:a='1'/></root>", "r[,](x[1,]()).", &[]);
    check("log\n<root>a &amp; b<![CDATA[<c>&amp;]]]]><![CDATA[>]]><!-- <d> --></root>", "r[,](a & b<c>&amp;]]>).", &[]);
}

#[test]
fn what_a_document_declares_is_skipped_and_its_entities_are_not_expanded() {
    let declared = "<!DOCTYPE root [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'><!ENTITY x SYSTEM 'file:///etc/passwd'>]>";
    check(&format!("{declared}<root a='&b;'>&b;&x;</root>"), "r[&b;,](&b;&x;).", &[]);
    check(&format!("<root/>{declared}<root/>"), "r[,]()]>r[,]().", &[]);
}

#[test]
fn a_missing_end_tag_ends_with_the_element_around_it() {
    check("<root><x><y>t</x>u</root>", "r[,](x[,](y[,](t))u).", &[]);
    check("<root>t</x></root>", "r[,](t).", &[]);
    let reason = "the document ends inside an element; what would have come after that is unknown";
    check("<root><x>t", "r[,](x[,](t)).", &[&format!("{reason} (at byte 10)")]);
    check("<root><x><?xml version='1.0'?><root/>", "r[,](x[,]())r[,]().", &[&format!("{reason} (at byte 9)")]);
}

#[test]
fn damage_costs_what_it_hits_and_nothing_after_it() {
    check("<root><x a='1<y/></root>", "r[,](y[,]()).", &["a tag is broken off (at byte 6)"]);
    check("<root><x <y/></root>", "r[,](y[,]()).", &["a tag is broken off (at byte 6)"]);
    check("<root><![CDATA[<y/></root>", "r[,](y[,]()).", &["a CDATA section has no end (at byte 6)"]);
    check("<root><!--<y/></root>", "r[,](y[,]()).", &["a comment has no end (at byte 6)"]);
    check("<root>1 < 2 <= 3</root>", "r[,](1 < 2 <= 3).", &[]);
    check("<root/><x a='1", "r[,]().", &["a tag has no end (at byte 7)"]);
}

#[test]
fn an_end_that_is_missing_everywhere_is_looked_for_once() {
    for piece in ["<![CDATA[", "<!--", "<a '", "<!x '", "<?x \"", "</", "&", "<"] {
        let (visitor, _) = written(&format!("<root>{}", piece.repeat(200_000)));
        assert!(visitor.told.ends_with('.'), "{piece}");
    }
}

#[test]
fn depth_is_bounded_and_the_elements_beyond_are_matched_up() {
    let (visitor, complaints) =
        written(&format!("<root>{}t{}<z/></root>", "<x>".repeat(100_000), "</x>".repeat(100_000)));
    assert!(visitor.names.iter().all(|path| path.len() <= DEPTH_MAX));
    assert_eq!((visitor.names.last().map(String::as_str), complaints.len()), (Some("rz"), 1));
}

#[test]
fn text_across_chunks_stays_whole() {
    let unit = "é &amp; &#x1b;<x a='&lt;'/><![CDATA[ü]]>";
    for shift in 0..unit.len() {
        let text = format!("<root>{}{}</root>", "-".repeat(shift), unit.repeat(8_000));
        let told = format!("r[,]({}{}).", "-".repeat(shift), "é & \u{1b}x[<,]()ü".repeat(8_000));
        let (visitor, complaints) = written(&text);
        assert!(visitor.told == told && complaints.is_empty(), "shifted by {shift}: {complaints:?}");
    }
}

#[test]
fn a_section_longer_than_what_is_looked_at_is_read_in_pieces() {
    let long = "<y/>\n".repeat(2 << 20);
    let (visitor, complaints) = written(&format!("<root><!--{long}--><![CDATA[{long}]]></root>"));
    assert_eq!((visitor.told.len(), complaints), ("r[,]().".len() + long.len(), Vec::new()));
}

#[test]
fn a_document_is_known_by_the_element_it_begins_with() {
    let sniffed = |text| sniff(text, &["root"], |after_name| !after_name.starts_with(" other"));
    assert_eq!(sniffed("<?xml version='1.0'?>\n<!-- <a> -->\n<!DOCTYPE x>\n<root>"), Some(Likeness::Certain));
    assert_eq!(sniffed("<!-- cut <root>"), Some(Likeness::Likely));
    assert_eq!(sniffed("<a><root/>"), Some(Likeness::Likely));
    assert_eq!(sniffed("<rooted/><root other>"), None);
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(xml in "(?s)(<root>)?([<>&;/\"'=!?\\[\\]CDATA\\-# a-zé]|<!\\[CDATA\\[|\\]\\]>|<!--|-->|</?root>){0,80}") {
        let (visitor, _) = written(&xml);
        prop_assert!(visitor.told.ends_with('.'));
        prop_assert_eq!(visitor.told.matches('.').count(), 1);
    }
}
