//! Layout of a chart: positions of panels, axes and labels on the page.
//!
//! Without a width a page is as wide as its content. On paper of a width the content adapts: fewer
//! panels in a row, row names in two lines or above their rows, labels below their plane, smaller
//! cells; the first arrangement that fits is drawn.

use super::Arrangement;
use super::canvas::{Canvas, Position, Type, paint};
use super::clip::Frame;
use super::paper::Paper;
use super::plane::{self, Margins, SharedLabels};
use super::raster::{self, SizedRaster};
use super::render::{DrawnChart, text_width};
use super::words::{fit, longest_word, wrap, wrap_label};
use crate::figures::chart::{Anchor, Body, Chart, Panel, Plane};
use crate::figures::scale::Scale;
use crate::figures::style::{INK, LABEL, MUTED, SMALL, TITLE, WIDTH};

/// Border of the page.
const MARGIN: f64 = 12.0;
/// Border of a page without title, which has the margins of its paper around it.
const BARE_MARGIN: f64 = 4.0;
/// Distance between two panels.
const GUTTER: f64 = 22.0;
/// Maximum number of lines of a panel's title, which is shortened otherwise: on a page, and on paper
/// of a width.
const TITLE_LINES: [usize; 2] = [3, 6];
/// Width to which a note below a title is broken at least.
const NOTE: f64 = 60.0;
/// Width of a panel for a single word of its title at most, in which it is broken otherwise.
const WORD: f64 = 180.0;
/// Height of a line of an axis label that all panels share.
const SHARED: f64 = 18.0;
/// Distance of the two lines of the label of a vertical axis.
const LINE_OF_LABEL: f64 = 12.0;
/// Length that the label of a vertical axis may have at least.
const LEAST_OF_LABEL: f64 = 120.0;

/// Height of a sheet of paper without its margins and a caption [mm].
const SHEET: f64 = 225.0;
/// Number of panels up to which each is as high as its chart says.
const FEW_PANELS: usize = 8;
/// Minimum height and width of one of many planes, and height of a tick, in CSS pixels.
const LOWEST: f64 = 40.0;
const NARROWEST: f64 = 60.0;
const TICK: f64 = 14.0;
/// Maximum number of rows of a chart of pictures that are next to each other on paper.
const MOST_ABREAST: usize = 3;

/// Maximum area of a page in CSS pixels: its picture takes sixteen bytes for each.
const MOST_AREA: f64 = 16e6;

/// Reason why a chart cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The page would be too large.
    TooLarge,
    /// The paper is too narrow for its words; it needs about this width [mm].
    TooNarrow(u32),
}

/// Draws a chart on paper.
pub(crate) fn draw(chart: &Chart, paper: &Paper) -> Result<DrawnChart, Unfit> {
    let page = Page::fitting(chart, paper)?;
    match lowered(&page, paper) {
        Some(low) => Page::fitting(&low, paper)?.drawn(paper),
        None => page.drawn(paper),
    }
}

/// The chart of a page, with lower panels, if it is of small planes whose rows would not fit on a
/// sheet of paper.
fn lowered(page: &Page, paper: &Paper) -> Option<Chart> {
    if !has_small_planes(page.chart) {
        return None;
    }
    let most = SHEET / paper.mm_of_px(page.width)?;
    let excess = (page.height - most) / page.rows.len() as f64;
    if excess <= 0.0 {
        return None;
    }
    let mut low = page.chart.clone();
    for panel in &mut low.panels {
        if let Body::Plane(plane) = &mut panel.body {
            plane.height = (plane.height - excess).max(LOWEST.min(plane.height));
            let ticks = plane.y.ticks.len();
            let room = (plane.height / TICK) as usize;
            let step = ticks.div_ceil(room.max(2));
            plane.y.ticks = plane.y.ticks.iter().step_by(step.max(1)).cloned().collect();
        }
    }
    Some(low)
}

/// True if a chart is of many planes next to each other without labels of their own.
fn has_small_planes(chart: &Chart) -> bool {
    chart.panels.len() > FEW_PANELS
        && chart.panels.iter().all(|panel| match &panel.body {
            Body::Plane(plane) => plane.ends.is_empty() && plane.y.scale != Scale::Levels,
            Body::Raster(_) | Body::Message(_) => false,
        })
}

/// Panels of a chart in rows, and the width that they take.
struct Columns {
    /// Indices of panels, row by row.
    rows: Vec<Vec<usize>>,
    widths: Vec<f64>,
    form: Arrangement,
    /// Factor of the size of cells.
    shrink: f64,
    margins: Margins,
    shared: SharedLabels,
    /// Width left of all panels.
    left: f64,
    /// Width that is lacking for all of it to be legible.
    lack: f64,
}

impl Columns {
    /// The arrangement with this number of columns, on a page that is `room` wide, if it has a width.
    fn new(
        chart: &Chart,
        count: usize,
        form: Arrangement,
        shrink: f64,
        (margin, room): (f64, Option<f64>),
    ) -> Self {
        let planes: Vec<&Plane> = planes(chart).collect();
        let same =
            |label: fn(&Plane) -> &str| planes.windows(2).all(|p| label(p[0]) == label(p[1]));
        let rows = rows(chart, count);
        let count = rows.iter().map(Vec::len).max().unwrap_or(1);
        let is_too_long = |plane: &&Plane| {
            let own = text_width(&plane.x.label, LABEL, false);
            count == 1 && room.is_some_and(|room| own > room - 2.0 * margin - SHARED)
        };
        let is_shared = planes.len() > 1 || planes.iter().any(is_too_long);
        let shared = SharedLabels {
            x: is_shared && same(|p| &p.x.label) && !planes[0].x.label.is_empty(),
            y: !planes.is_empty()
                && same(|p| &p.y.label)
                && (room.is_none() || !planes[0].y.label.is_empty()),
        };
        let mut margins = Margins::default();
        for panel in &chart.panels {
            let own = margins_of(panel, shared, form);
            margins.left = margins.left.max(own.left);
            margins.right = margins.right.max(own.right);
        }
        let heights = rows.iter().map(|row| {
            let own = row.iter().filter_map(|&i| match &chart.panels[i].body {
                Body::Plane(plane) => Some(plane.height),
                Body::Raster(_) | Body::Message(_) => None,
            });
            own.fold(0.0, f64::max)
        });
        let room_of_label = heights.sum::<f64>().max(LEAST_OF_LABEL);
        let left = margin
            + match planes.first().filter(|_| shared.y) {
                Some(plane) if text_width(&plane.y.label, LABEL, false) > room_of_label => {
                    SHARED + LINE_OF_LABEL
                }
                Some(_) => SHARED,
                None => 0.0,
            };
        let gutters = GUTTER * (count - 1) as f64;
        let outer = left + margin + gutters;
        let even = (room.unwrap_or(WIDTH) - outer) / count as f64;
        let mut widths = vec![0.0f64; count];
        let mut lack = 0.0f64;
        let is_small = has_small_planes(chart);
        for (column, panel) in rows
            .iter()
            .flat_map(|row| row.iter().enumerate())
            .map(|(c, &i)| (c, &chart.panels[i]))
        {
            let around = margins.left + margins.right;
            let width = match &panel.body {
                Body::Plane(plane) => {
                    let inside = plane.width.map_or(even - around, |own| {
                        if room.is_some() { own.min(even - around) } else { own }
                    });
                    // The figure of a page has as many panels in a row as its chart says.
                    let is_as_on_a_page = room >= Some(WIDTH) && count == chart.columns;
                    let own = plane::lack(plane, form, inside, margins.right);
                    let own = if is_as_on_a_page && form == Arrangement::Wide {
                        40.0 - inside
                    } else if is_small && form == Arrangement::Wide {
                        NARROWEST - inside
                    } else {
                        own
                    };
                    lack = lack.max(own * count as f64);
                    if count > 1 && !shared.x {
                        let label = text_width(&plane.x.label, LABEL, false);
                        lack = lack.max((label - even) * count as f64);
                    }
                    inside + around
                }
                Body::Raster(raster) => {
                    let sized = SizedRaster::new(raster, shrink);
                    if shrink < 1.0 && !sized.is_legible() {
                        lack = f64::INFINITY;
                    }
                    let content = sized.size(room.map(|_| even)).0 + around;
                    let note = text_width(&panel.note, SMALL, false).min(NOTE.max(content));
                    let word = longest_word(&panel.title, LABEL, true).min(WORD);
                    if room.is_some() { content.max(note).max(word) } else { content }
                }
                Body::Message(_) => even,
            };
            widths[column] = widths[column].max(width);
        }
        if let Some(room) = room {
            lack = lack.max(widths.iter().sum::<f64>() + outer - room);
        }
        Self { rows, widths, form, shrink, margins, shared, left, lack }
    }
}

/// Panels in rows of at most `count`, of whole rows of the chart if there is room for more. Rasters
/// without a title belong to the panel before them: if a row of the chart does not fit, every such
/// group begins a new one.
fn rows(chart: &Chart, count: usize) -> Vec<Vec<usize>> {
    let own = chart.columns.clamp(1, chart.panels.len().max(1));
    let all: Vec<usize> = (0..chart.panels.len()).collect();
    if count >= own {
        return all.chunks(count - count % own).map(<[usize]>::to_vec).collect();
    }
    let is_blank = |panel: &Panel| matches!(&panel.body, Body::Message(text) if text.is_empty());
    let all: Vec<usize> = all.into_iter().filter(|&i| !is_blank(&chart.panels[i])).collect();
    let continues = |&i: &usize| {
        let panel = &chart.panels[i];
        panel.title.is_empty() && matches!(panel.body, Body::Raster(_))
    };
    let groups: Vec<&[usize]> = if all.iter().any(continues) {
        all.chunk_by(|_, next| continues(next)).collect()
    } else {
        vec![&all[..]]
    };
    let in_rows = |group: &[usize]| -> Vec<Vec<usize>> {
        let a_row = group.len().div_ceil(group.len().div_ceil(count)).max(1);
        group.chunks(a_row).map(<[usize]>::to_vec).collect()
    };
    groups.into_iter().filter(|group| !group.is_empty()).flat_map(in_rows).collect()
}

/// Positions of all parts of a chart.
struct Page<'a> {
    chart: &'a Chart,
    is_of_a_width: bool,
    margin: f64,
    width: f64,
    height: f64,
    title: Vec<String>,
    subtitle: Vec<String>,
    top: f64,
    columns: Columns,
    rows: Vec<Row>,
    notes_below: bool,
    /// Label of the horizontal axes that all panels share.
    label: Vec<String>,
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
    /// The first arrangement that fits the paper; of pictures that would be taller than a page, the
    /// first that is not, else the least tall.
    fn fitting(chart: &'a Chart, paper: &Paper) -> Result<Self, Unfit> {
        let margin = if paper.bare { BARE_MARGIN } else { MARGIN };
        let most = chart.columns.clamp(1, chart.panels.len().max(1));
        let Some(room) = paper.room() else {
            let columns = Columns::new(chart, most, Arrangement::Wide, 1.0, (margin, None));
            return Ok(Self::new(chart, paper, margin, columns));
        };
        let has_raster = chart.panels.iter().any(|panel| matches!(panel.body, Body::Raster(_)));
        let sizes: &[f64] = if has_raster {
            &[1.0, 0.9, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5]
        } else {
            &[1.0]
        };
        let abreast = (2..=MOST_ABREAST)
            .filter(|times| has_raster && chart.panels.len() > (times - 1) * most)
            .map(|times| times * most);
        let mut lack = f64::INFINITY;
        let mut tall: Option<Self> = None;
        for count in (1..=most).rev().chain(abreast) {
            for form in Arrangement::ALL {
                for &shrink in sizes {
                    let columns = Columns::new(chart, count, form, shrink, (margin, Some(room)));
                    if columns.lack > 1e-6 {
                        lack = lack.min(columns.lack);
                        continue;
                    }
                    let page = Self::new(chart, paper, margin, columns);
                    let height = paper.mm_of_px(page.width).map_or(0.0, |mm| mm * page.height);
                    if !has_raster || height <= SHEET {
                        return Ok(page);
                    }
                    if tall.as_ref().is_none_or(|known| page.height < known.height) {
                        tall = Some(page);
                    }
                }
            }
        }
        tall.ok_or_else(|| Unfit::TooNarrow(Paper::enough_for(room + lack)))
    }

    fn new(chart: &'a Chart, paper: &Paper, margin: f64, columns: Columns) -> Self {
        let natural = columns.widths.iter().sum::<f64>()
            + columns.left
            + margin
            + GUTTER * (columns.widths.len() - 1) as f64;
        let width = paper.room().unwrap_or_else(|| natural.max(420.0));
        let text_room = width - 2.0 * margin;
        let lines = |text: &str, size, bold| {
            if paper.bare { Vec::new() } else { wrap(text, size, bold, text_room) }
        };
        let (title, subtitle) =
            (lines(&chart.title, TITLE, true), lines(&chart.subtitle, LABEL, false));
        let heading = 19.0 * title.len() as f64 + 16.0 * subtitle.len() as f64;
        let top = margin + heading + if paper.bare { 4.0 } else { 14.0 };
        let label = match planes(chart).next() {
            Some(plane) if columns.shared.x => wrap_label(&plane.x.label, LABEL, text_room),
            _ => Vec::new(),
        };
        let mut page = Self {
            chart,
            is_of_a_width: paper.width.is_some(),
            margin,
            width,
            height: 0.0,
            title,
            subtitle,
            top,
            rows: Vec::new(),
            notes_below: false,
            label,
            columns,
        };
        let is_below = |(column, panel): (usize, &Panel)| {
            let inset = page.columns.margins.right.min(14.0);
            let room = page.columns.widths[column] - page.columns.margins.left - inset;
            let (title, note) =
                (text_width(&panel.title, LABEL, true), text_width(&panel.note, SMALL, false));
            !panel.note.is_empty()
                && (matches!(panel.body, Body::Raster(_)) || title + note + 12.0 > room)
        };
        let rows = page.columns.rows.iter();
        let panels = rows.flat_map(|row| row.iter().map(|&i| &chart.panels[i]).enumerate());
        page.notes_below = panels.into_iter().any(is_below);
        page.rows = (0..page.columns.rows.len()).map(|row| page.row(row)).collect();
        let gaps = GUTTER * 0.7 * page.rows.len().saturating_sub(1) as f64;
        let rows: f64 = page.rows.iter().map(|row| row.height).sum();
        page.height = top + rows + gaps + margin + page.label_height();
        page
    }

    /// Height of the label that all panels share.
    fn label_height(&self) -> f64 {
        match self.label.len() {
            0 => 0.0,
            lines => SHARED + 14.0 * (lines - 1) as f64,
        }
    }

    /// Space for the title of panel `i` of a row: its own column and the following ones without a
    /// title.
    fn title_room(&self, row: &[usize], i: usize) -> f64 {
        let panel = |i: usize| &self.chart.panels[row[i]];
        let untitled = (i + 1..row.len())
            .take_while(|&next| {
                panel(next).title.is_empty() && matches!(panel(next).body, Body::Raster(_))
            })
            .count();
        let widths = &self.columns.widths[i..=i + untitled];
        let span = widths.iter().sum::<f64>() + GUTTER * untitled as f64;
        span - self.columns.margins.left - self.inset(panel(i))
    }

    /// Distance of the end of a title or note from the end of its column.
    fn inset(&self, panel: &Panel) -> f64 {
        if matches!(panel.body, Body::Plane(_)) {
            self.columns.margins.right.min(14.0)
        } else {
            0.0
        }
    }

    fn title(&self, row: &[usize], i: usize) -> Vec<String> {
        let room = self.title_room(row, i);
        let mut lines = wrap(&self.chart.panels[row[i]].title, LABEL, true, room);
        let most = TITLE_LINES[usize::from(self.is_of_a_width)];
        if lines.len() > most {
            let rest = lines.split_off(most - 1).join(" ");
            lines.push(fit(&format!("{rest}\u{2026}"), LABEL, true, room));
        }
        lines
    }

    /// Lines of a panel's note below its title; none if it is at the end of the title's line.
    fn note(&self, panel: &Panel, column: usize) -> Vec<String> {
        if panel.note.is_empty() || !(self.notes_below || panel.title.is_empty()) {
            return Vec::new();
        }
        let room = self.columns.widths[column] - self.columns.margins.left - self.inset(panel);
        wrap(&panel.note, SMALL, false, room)
    }

    /// Width of a plane's frame in a column.
    fn inside(&self, plane: &Plane, column: usize) -> f64 {
        let margins = self.columns.margins;
        let room = self.columns.widths[column] - margins.left - margins.right;
        match plane.width {
            Some(own) if self.is_of_a_width => own.min(room),
            Some(own) => own,
            None => room,
        }
    }

    /// Width of a column right of the left margin of its plane.
    fn span(&self, column: usize) -> f64 {
        self.columns.widths[column] - self.columns.margins.left
    }

    /// Width of text in place of a picture.
    fn message_room(&self, column: usize) -> f64 {
        (self.columns.widths[column] - self.columns.margins.left).min(WIDTH - 80.0)
    }

    fn row(&self, row: usize) -> Row {
        let Columns { form, shared, shrink, .. } = self.columns;
        let indices = &self.columns.rows[row];
        let panels = || indices.iter().map(|&i| &self.chart.panels[i]).enumerate();
        let head = |(i, panel)| match (self.title(indices, i).len(), self.note(panel, i).len()) {
            (0, 0) => 0.0,
            (title, note) => 15.0 * (title + note) as f64 + 5.0,
        };
        let head = panels().map(head).fold(0.0, f64::max);
        let bottom = panels()
            .filter_map(|(i, panel)| match &panel.body {
                Body::Plane(plane) => Some(plane::bottom(plane, shared, self.inside(plane, i))),
                _ => None,
            })
            .fold(0.0, f64::max);
        let body = |(i, panel): (usize, &Panel)| match &panel.body {
            Body::Plane(plane) => {
                plane::height(plane, form, self.span(i))
                    + bottom
                    + plane::key_height(plane, form, self.span(i))
            }
            Body::Raster(raster) => SizedRaster::new(raster, shrink).size(self.raster_room(i)).1,
            Body::Message(text) => {
                20.0 + 18.0 * wrap(text, LABEL, false, self.message_room(i)).len() as f64
            }
        };
        Row {
            height: head + panels().map(body).fold(0.0, f64::max),
            head,
            bottom,
        }
    }

    /// Width that a raster and its words may take; absent: as much as they need.
    fn raster_room(&self, column: usize) -> Option<f64> {
        self.is_of_a_width.then(|| self.span(column))
    }

    /// The drawing, unless the page is too large.
    fn drawn(&self, paper: &Paper) -> Result<DrawnChart, Unfit> {
        if self.width * self.height > MOST_AREA {
            return Err(Unfit::TooLarge);
        }
        let mut unnamed = Vec::new();
        let svg = paint(self.width, self.height, |canvas| self.draw(canvas, &mut unnamed));
        let mut alt = self.chart.caption.clone();
        if !unnamed.is_empty() {
            alt += &format!(" Without their names at this width: {}.", unnamed.join(", "));
        }
        Ok(DrawnChart::new(svg, *paper, &self.chart.title, &alt))
    }

    /// Draws everything; adds the names that have no place to `unnamed`.
    fn draw(&self, canvas: &Canvas, unnamed: &mut Vec<String>) {
        let mut y = self.margin + 8.0;
        for line in &self.title {
            canvas.text((self.margin, y), line, Type::new(TITLE, INK).bold());
            y += 19.0;
        }
        for line in &self.subtitle {
            canvas.text((self.margin, y), line, Type::new(LABEL, MUTED));
            y += 16.0;
        }
        let mut top = self.top;
        for (row, indices) in self.columns.rows.iter().enumerate() {
            let mut left = self.columns.left;
            for (column, width) in self.columns.widths.iter().enumerate().take(indices.len()) {
                unnamed.extend(self.panel(canvas, (left, top), row, column));
                left += width + GUTTER;
            }
            top += self.rows[row].height + GUTTER * 0.7;
        }
        self.shared_labels(canvas);
    }

    /// Draws labels that all panels share once for the whole figure.
    fn shared_labels(&self, canvas: &Canvas) {
        let Some(plane) = planes(self.chart).next() else { return };
        let middle = Type::new(LABEL, INK).anchor(Anchor::Middle);
        if self.columns.shared.y {
            let first = self.top + self.rows.first().map_or(0.0, |row| row.head);
            let key = plane::key_height(plane, self.columns.form, self.span(0));
            let below = self.rows.last().map_or(0.0, |row| row.bottom) + self.label_height() + key;
            let last = self.height - self.margin - below;
            let lines = in_two(&plane.y.label, (last - first).max(LEAST_OF_LABEL));
            for (i, line) in lines.iter().enumerate() {
                let shift = 6.0 + LINE_OF_LABEL * i as f64;
                let at = (self.margin + shift, f64::midpoint(first, last));
                canvas.text(at, line, Type { upright: false, ..middle });
            }
        }
        let margins = self.columns.margins;
        let left = self.columns.left.max(self.margin + SHARED) + margins.left;
        let right = self.width - self.margin - margins.right;
        let mut y = self.height - self.margin + 14.0 - self.label_height();
        for line in &self.label {
            let half = 0.5 * text_width(line, LABEL, false);
            let (first, last) = (self.margin + half, self.width - self.margin - half);
            let x = f64::midpoint(left, right).clamp(first.min(last), last);
            canvas.text((x, y), line, middle);
            y += 14.0;
        }
    }

    fn panel(&self, canvas: &Canvas, at: Position, row: usize, column: usize) -> Vec<String> {
        let Columns { form, shared, shrink, margins, .. } = self.columns;
        let indices = &self.columns.rows[row];
        let panel = &self.chart.panels[indices[column]];
        let (title, note) = (self.title(indices, column), self.note(panel, column));
        let row = self.rows[row];
        let left = at.0 + margins.left;
        let right = at.0 + self.columns.widths[column] - self.inset(panel);
        // Headings of a row end on the same line, even if they have different numbers of lines.
        let mut y = at.1 + row.head - 15.0 * (title.len() + note.len()) as f64;
        for line in &title {
            canvas.text((left, y), line, Type::new(LABEL, INK).bold());
            y += 15.0;
        }
        let muted = Type::new(SMALL, MUTED);
        for line in &note {
            canvas.text((left, y), line, muted);
            y += 15.0;
        }
        if note.is_empty() {
            canvas.text((right, y - 15.0), &panel.note, muted.anchor(Anchor::End));
        }
        let top = at.1 + row.head;
        match &panel.body {
            Body::Plane(plane) => {
                let frame = Frame {
                    left,
                    top,
                    right: left + self.inside(plane, column),
                    bottom: top + plane::height(plane, form, self.span(column)),
                };
                let room = Margins { bottom: row.bottom, ..margins };
                return plane::draw(canvas, frame, plane, form, room, shared);
            }
            Body::Raster(raster) => {
                let room = self.raster_room(column);
                raster::draw(canvas, (left, top), SizedRaster::new(raster, shrink), room);
            }
            Body::Message(text) => {
                let lines = wrap(text, LABEL, false, self.message_room(column));
                for (i, line) in lines.iter().enumerate() {
                    canvas.text((left, top + 12.0 + 18.0 * i as f64), line, Type::new(LABEL, INK));
                }
            }
        }
        Vec::new()
    }
}

/// Label of an axis in at most two lines, as even as possible; a line that is still too long is cut.
fn in_two(label: &str, room: f64) -> Vec<String> {
    let width = |text: &str| text_width(text, LABEL, false);
    let breaks = label.match_indices(char::is_whitespace);
    let halves = breaks.map(|(at, _)| (label[..at].trim_end(), label[at..].trim_start()));
    let longer = |(a, b): &(&str, &str)| width(a).max(width(b));
    match halves.min_by(|a, b| longer(a).total_cmp(&longer(b))) {
        Some((a, b)) if width(label) > room => {
            [a, b].map(|line| fit(line, LABEL, false, room)).to_vec()
        }
        _ => vec![fit(label, LABEL, false, room)],
    }
}

/// Planes of a chart that have axes.
fn planes(chart: &Chart) -> impl Iterator<Item = &Plane> {
    chart.panels.iter().filter_map(|panel| match &panel.body {
        Body::Plane(plane) if plane.axes => Some(plane),
        _ => None,
    })
}

fn margins_of(panel: &Panel, shared: SharedLabels, form: Arrangement) -> Margins {
    match &panel.body {
        Body::Plane(plane) => plane::margins(plane, shared, form),
        Body::Raster(_) | Body::Message(_) => Margins::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_of_an_axis_takes_two_lines_before_it_is_cut() {
        let label = "\u{2190} better\u{2003}Test NLL, averaged masks (nats per image)";
        let [one, two, cut] = [400.0, 170.0, 60.0].map(|room| in_two(label, room));
        assert_eq!(one, [label]);
        assert_eq!(two.len(), 2);
        assert_eq!(two.join(" "), label);
        assert!(cut.len() == 2 && cut[1].ends_with('\u{2026}'), "{cut:?}");
    }

    #[test]
    fn a_label_of_two_lines_has_room_before_the_ticks() {
        use crate::figures::chart::Panel;
        use crate::figures::scale::ValueAxis;
        let left = |label: &str| {
            let axis = |label: &str| ValueAxis::linear(label, 0.0, 1.0, 4);
            let plane = Plane::new(axis("Epoch"), axis(label), Vec::new(), 160.0);
            let chart = Chart { panels: vec![Panel::plane(plane)], ..Chart::message("", "") };
            let room = (MARGIN, Some(WIDTH));
            Columns::new(&chart, 1, Arrangement::Wide, 1.0, room).left - MARGIN
        };
        assert_eq!(left("Test NLL"), SHARED);
        let long = "\u{2190} better\u{2003}Test NLL, averaged masks (nats per image)";
        assert_eq!(left(long), SHARED + LINE_OF_LABEL);
    }
}
