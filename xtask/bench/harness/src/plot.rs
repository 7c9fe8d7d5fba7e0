//! Bars as SVG, drawn so that they read on a light page and on a dark one: the colours are in a style
//! sheet that asks the reader's system.

use std::fmt::Write as _;

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// The ends of the spread, where the value is the middle of several.
    pub(crate) ends: Option<(f64, f64)>,
    pub(crate) kind: Kind,
}

/// Whose bar it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Floor,
    Ours,
    Peer,
}

/// Bars that belong together, under one heading.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
const HEADING: f64 = 30.0;
const TOP: f64 = 34.0;

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }\
.title { font-size: 14px; font-weight: 600 }\
.group { font-weight: 600 }\
.ours { fill: #1a7f37 } .peer { fill: #8c959f } .floor { fill: #54aeff }\
.ends { stroke: #1f2328; stroke-width: 1.5 }\
@media (prefers-color-scheme: dark) {\
text { fill: #e6edf3 }\
.ours { fill: #3fb950 } .peer { fill: #6e7681 } .floor { fill: #388bfd }\
.ends { stroke: #e6edf3 }\
}";

/// A picture of all groups on one scale.
pub(crate) fn bars(title: &str, groups: &[Group]) -> String {
    let all = || groups.iter().flat_map(|group| &group.bars);
    let height = TOP + groups.len() as f64 * HEADING + all().count() as f64 * STEP + 12.0;
    let most = all().map(|bar| bar.ends.map_or(bar.value, |(_, most)| most.max(bar.value)));
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / most;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{0}\">\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"8\" y=\"20\">{0}</text>\n",
        escaped(title)
    );
    let mut y = TOP;
    for group in groups {
        y += HEADING;
        let title = escaped(&group.title);
        let _ = writeln!(svg, "<text class=\"group\" x=\"8\" y=\"{:.0}\">{title}</text>", y - 10.0);
        for bar in &group.bars {
            draw(&mut svg, bar, y, scale);
            y += STEP;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, bar: &Bar, y: f64, scale: f64) {
    let class = match bar.kind {
        Kind::Floor => "floor",
        Kind::Ours => "ours",
        Kind::Peer => "peer",
    };
    let width = (bar.value * scale).max(1.0);
    let middle = y + BAR / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>",
        LEFT - 8.0,
        middle + 4.0,
        escaped(&bar.label),
    );
    let mut end = width;
    if let Some((least, most)) = bar.ends {
        let (from, to) = (LEFT + least * scale, LEFT + most * scale);
        end = end.max(most * scale);
        let _ = writeln!(
            svg,
            "<line class=\"ends\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>"
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        LEFT + end + 6.0,
        middle + 4.0,
        grouped(bar.value)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A whole number with a comma between its thousands.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < -0.5 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        for (value, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1_000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-45.0, "-45"),
        ] {
            assert_eq!(grouped(value), text);
        }
    }

    #[test]
    fn every_bar_is_drawn_inside_the_picture() {
        let bar = |value, ends| Bar { label: "a < b".to_owned(), value, ends, kind: Kind::Ours };
        let group = Group {
            title: "g & h".to_owned(),
            bars: vec![bar(1.0, None), bar(10.0, Some((9.0, 12.0)))],
        };
        let svg = bars("t", &[group]);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert_eq!(svg.matches("class=\"ends\"").count(), 1);
        assert!(svg.contains("a &lt; b") && svg.contains("g &amp; h"));
        let ends = svg.split("x2=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!((ends.parse::<f64>().unwrap() - (WIDTH - RIGHT)).abs() < 0.1);
    }
}
