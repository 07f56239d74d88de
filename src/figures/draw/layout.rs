//! Layout of a chart: positions of panels, axes and labels on the page.

use super::canvas::{Canvas, Position, Type, paint};
use super::clip::Frame;
use super::plane::{self, Margins, SharedLabels};
use super::raster;
use super::render::{RenderedChart, pictures, text_width};
use super::words::{fit, wrap};
use crate::figures::chart::{Anchor, Body, Chart, Panel, Plane};
use crate::figures::style::{INK, LABEL, MUTED, SMALL, TITLE, WIDTH};

/// Border of the page.
const MARGIN: f64 = 12.0;
/// Distance between two panels.
const GUTTER: f64 = 22.0;
/// Maximum number of lines of a panel's title, which is shortened otherwise.
const TITLE_LINES: usize = 3;

/// Maximum area of a page in CSS pixels: its picture takes sixteen bytes for each.
const MOST_AREA: f64 = 16e6;

/// Draws a chart; `None` if its page would be too large.
pub(crate) fn draw(chart: &Chart) -> Option<RenderedChart> {
    let page = Page::new(chart);
    if page.width * page.height > MOST_AREA {
        return None;
    }
    let svg = paint(page.width, page.height, |canvas| page.draw(canvas));
    Some(pictures(&svg, &chart.title, &chart.caption))
}

/// Positions of all parts of a chart.
struct Page<'a> {
    chart: &'a Chart,
    width: f64,
    height: f64,
    title: Vec<String>,
    subtitle: Vec<String>,
    top: f64,
    margins: Margins,
    columns: Vec<f64>,
    rows: Vec<Row>,
    notes_below: bool,
    shared: SharedLabels,
}

/// A row of panels.
#[derive(Debug, Clone, Copy)]
struct Row {
    height: f64,
    /// Height of titles and notes.
    head: f64,
    /// Space for ticks and labels below the content.
    bottom: f64,
}

impl<'a> Page<'a> {
    fn new(chart: &'a Chart) -> Self {
        let planes: Vec<&Plane> = planes(chart).collect();
        let same =
            |label: fn(&Plane) -> &str| planes.windows(2).all(|p| label(p[0]) == label(p[1]));
        let shared = SharedLabels {
            x: planes.len() > 1 && same(|p| &p.x.label) && !planes[0].x.label.is_empty(),
            y: !planes.is_empty() && same(|p| &p.y.label),
        };

        let mut margins = Margins::default();
        for panel in &chart.panels {
            let own = margins_of(panel, shared);
            margins.left = margins.left.max(own.left);
            margins.right = margins.right.max(own.right);
        }
        let columns = chart.columns.clamp(1, chart.panels.len().max(1));
        let outer = 2.0 * MARGIN + if shared.y { 18.0 } else { 0.0 };
        let even = (WIDTH - outer - GUTTER * (columns - 1) as f64) / columns as f64;
        let mut widths = vec![0.0f64; columns];
        for (i, panel) in chart.panels.iter().enumerate() {
            let width = content_width(panel).map_or(even, |w| w + margins.left + margins.right);
            widths[i % columns] = widths[i % columns].max(width);
        }
        let natural = widths.iter().sum::<f64>() + outer + GUTTER * (columns - 1) as f64;
        let width = natural.max(420.0);

        let text_room = width - 2.0 * MARGIN;
        let title = wrap(&chart.title, TITLE, true, text_room);
        let subtitle = wrap(&chart.subtitle, LABEL, false, text_room);
        let top = MARGIN + 19.0 * title.len() as f64 + 16.0 * subtitle.len() as f64 + 14.0;

        let notes_below = chart.panels.iter().enumerate().any(|(i, panel)| {
            let room = widths[i % columns] - margins.left - margins.right.min(14.0);
            !panel.note.is_empty()
                && (matches!(panel.body, Body::Raster(_))
                    || text_width(&panel.title, LABEL, true)
                        + text_width(&panel.note, SMALL, false)
                        + 12.0
                        > room)
        });
        let mut page = Self {
            chart,
            width,
            height: 0.0,
            title,
            subtitle,
            top,
            margins,
            columns: widths,
            rows: Vec::new(),
            notes_below,
            shared,
        };
        page.rows = chart.panels.chunks(columns).map(|row| page.row(row)).collect();
        let gaps = GUTTER * 0.7 * page.rows.len().saturating_sub(1) as f64;
        let rows: f64 = page.rows.iter().map(|row| row.height).sum();
        page.height = top + rows + gaps + MARGIN + if shared.x { 18.0 } else { 0.0 };
        page
    }

    /// Space for the title of panel `i` of a row: its own column and the following ones without a
    /// title.
    fn title_room(&self, row: &[Panel], i: usize) -> f64 {
        let untitled = row[i + 1..]
            .iter()
            .take_while(|p| p.title.is_empty() && matches!(p.body, Body::Raster(_)))
            .count();
        let span = self.columns[i..=i + untitled].iter().sum::<f64>() + GUTTER * untitled as f64;
        let inset = if matches!(row[i].body, Body::Plane(_)) {
            self.margins.right.min(14.0)
        } else {
            0.0
        };
        span - self.margins.left - inset
    }

    fn title(&self, row: &[Panel], i: usize) -> Vec<String> {
        let room = self.title_room(row, i);
        let mut lines = wrap(&row[i].title, LABEL, true, room);
        if lines.len() > TITLE_LINES {
            let rest = lines.split_off(TITLE_LINES - 1).join(" ");
            lines.push(fit(&format!("{rest}\u{2026}"), LABEL, true, room));
        }
        lines
    }

    fn row(&self, row: &[Panel]) -> Row {
        let head = |i: usize| {
            let note =
                f64::from(!row[i].note.is_empty() && (self.notes_below || row[i].title.is_empty()));
            match (self.title(row, i).len(), note) {
                (0, 0.0) => 0.0,
                (lines, note) => 15.0 * (lines as f64 + note) + 5.0,
            }
        };
        let head = (0..row.len()).map(head).fold(0.0, f64::max);
        let bottom = row.iter().map(|p| margins_of(p, self.shared).bottom).fold(0.0, f64::max);
        let body = |panel: &Panel| match &panel.body {
            Body::Plane(plane) => plane::height(plane) + bottom,
            Body::Raster(raster) => raster::size(raster).1,
            Body::Message(text) => {
                20.0 + 18.0 * wrap(text, LABEL, false, WIDTH - 80.0).len() as f64
            }
        };
        Row {
            height: head + row.iter().map(body).fold(0.0, f64::max),
            head,
            bottom,
        }
    }

    fn draw(&self, canvas: &Canvas) {
        let mut y = MARGIN + 8.0;
        for line in &self.title {
            canvas.text((MARGIN, y), line, Type::new(TITLE, INK).bold());
            y += 19.0;
        }
        for line in &self.subtitle {
            canvas.text((MARGIN, y), line, Type::new(LABEL, MUTED));
            y += 16.0;
        }
        let left = MARGIN + if self.shared.y { 18.0 } else { 0.0 };
        let mut at = (left, self.top);
        let columns = self.columns.len();
        for (i, panel) in self.chart.panels.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let in_row =
                &self.chart.panels[row * columns..self.chart.panels.len().min((row + 1) * columns)];
            self.panel(
                canvas,
                at,
                self.rows[row],
                panel,
                &self.title(in_row, column),
                self.columns[column],
            );
            at.0 += self.columns[column] + GUTTER;
            if column + 1 == columns {
                at = (left, at.1 + self.rows[row].height + GUTTER * 0.7);
            }
        }
        self.shared_labels(canvas);
    }

    /// Draws labels that all panels share once for the whole figure.
    fn shared_labels(&self, canvas: &Canvas) {
        let Some(plane) = planes(self.chart).next() else { return };
        let middle = Type::new(LABEL, INK).anchor(Anchor::Middle);
        if self.shared.y {
            let first = self.top + self.rows.first().map_or(0.0, |row| row.head);
            let below = self.rows.last().map_or(0.0, |row| row.bottom)
                + if self.shared.x { 18.0 } else { 0.0 };
            let last = self.height - MARGIN - below;
            let at = (MARGIN + 6.0, f64::midpoint(first, last));
            let label = fit(&plane.y.label, LABEL, false, (last - first).max(120.0));
            canvas.text(at, &label, Type { upright: false, ..middle });
        }
        if self.shared.x {
            let (left, right) =
                (MARGIN + 18.0 + self.margins.left, self.width - MARGIN - self.margins.right);
            canvas.text(
                (f64::midpoint(left, right), self.height - MARGIN - 4.0),
                &plane.x.label,
                middle,
            );
        }
    }

    fn panel(
        &self,
        canvas: &Canvas,
        at: Position,
        row: Row,
        panel: &Panel,
        title: &[String],
        width: f64,
    ) {
        let is_plane = matches!(panel.body, Body::Plane(_));
        let left = at.0 + self.margins.left;
        let right = at.0 + width - if is_plane { self.margins.right.min(14.0) } else { 0.0 };
        // Headings of a row end on the same line, even if they have different numbers of lines.
        let below = self.notes_below && !panel.note.is_empty();
        let lines =
            title.len() + usize::from(below || (title.is_empty() && !panel.note.is_empty()));
        let mut y = at.1 + row.head - 5.0 - 15.0 * lines as f64 + 5.0;
        for line in title {
            canvas.text((left, y), line, Type::new(LABEL, INK).bold());
            y += 15.0;
        }
        if below || title.is_empty() {
            canvas.text(
                (left, y),
                &fit(&panel.note, SMALL, false, right - left),
                Type::new(SMALL, MUTED),
            );
        } else {
            canvas.text(
                (right, y - 15.0),
                &panel.note,
                Type::new(SMALL, MUTED).anchor(Anchor::End),
            );
        }
        let top = at.1 + row.head;
        match &panel.body {
            Body::Plane(plane) => {
                let right = plane.width.map_or(at.0 + width - self.margins.right, |w| left + w);
                let frame = Frame { left, top, right, bottom: top + plane::height(plane) };
                plane::draw(
                    canvas,
                    frame,
                    plane,
                    Margins { bottom: row.bottom, ..self.margins },
                    self.shared,
                );
            }
            Body::Raster(raster) => raster::draw(canvas, (left, top), raster),
            Body::Message(text) => {
                for (i, line) in wrap(text, LABEL, false, WIDTH - 80.0).iter().enumerate() {
                    canvas.text((left, top + 12.0 + 18.0 * i as f64), line, Type::new(LABEL, INK));
                }
            }
        }
    }
}

/// Planes of a chart that have axes.
fn planes(chart: &Chart) -> impl Iterator<Item = &Plane> {
    chart.panels.iter().filter_map(|panel| match &panel.body {
        Body::Plane(plane) if plane.axes => Some(plane),
        _ => None,
    })
}

fn margins_of(panel: &Panel, shared: SharedLabels) -> Margins {
    match &panel.body {
        Body::Plane(plane) => plane::margins(plane, shared),
        Body::Raster(_) | Body::Message(_) => Margins::default(),
    }
}

/// Width that the content of a panel needs.
fn content_width(panel: &Panel) -> Option<f64> {
    match &panel.body {
        Body::Plane(plane) => plane.width,
        Body::Raster(raster) => Some(raster::size(raster).0),
        Body::Message(_) => None,
    }
}
