//! From a chart to pictures: where panels, axes and labels lie on the page.

use super::canvas::{Anchor, Canvas, Point, Stroke, Type, paint};
use super::chart::{Body, Chart, End, Form, Mark, Panel, Plane, Raster};
use super::clip::Frame;
use super::render::{Pictures, pictures, text_width};
use super::scale::{Axis, Scale, Tick};
use super::style::{ACCENT, AXIS, GRID, INK, LABEL, MUTED, SMALL, TITLE, WHITE, WIDTH};
use super::words::{fit, spread, wrap};

/// Border of the page.
const MARGIN: f64 = 12.0;
/// Between two panels.
const GUTTER: f64 = 22.0;
/// Between two labels at the ends of lines.
const LABEL_GAP: f64 = 17.0;
/// From the plane's right edge to a label's name.
const LEADER: f64 = 27.0;
/// Lines of a panel's title before it is shortened.
const TITLE_LINES: usize = 3;
/// The widest name before it is shortened.
const WIDEST_NAME: f64 = 230.0;

/// Draws a chart.
pub(super) fn draw(chart: &Chart) -> Pictures {
    let page = Page::new(chart);
    let svg = paint(page.width, page.height, |canvas| page.draw(canvas));
    pictures(&svg, &chart.title, &chart.caption)
}

/// Where everything of a chart lies.
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
    shared_x: bool,
    shared_y: bool,
}

/// A row of panels.
#[derive(Debug, Clone, Copy)]
struct Row {
    height: f64,
    /// Height of titles and notes.
    head: f64,
    /// Room for ticks and labels below the content.
    bottom: f64,
}

/// Room around the content of a panel.
#[derive(Debug, Clone, Copy, Default)]
struct Margins {
    left: f64,
    right: f64,
    bottom: f64,
}

impl<'a> Page<'a> {
    fn new(chart: &'a Chart) -> Self {
        let planes: Vec<&Plane> = chart
            .panels
            .iter()
            .filter_map(|p| match &p.body {
                Body::Plane(plane) if plane.axes => Some(plane),
                _ => None,
            })
            .collect();
        let same = |label: fn(&Plane) -> &str| planes.windows(2).all(|p| label(p[0]) == label(p[1]));
        let shared_y = same(|p| &p.y.label);
        let shared_x = planes.len() > 1 && same(|p| &p.x.label) && !planes[0].x.label.is_empty();

        let mut margins = Margins::default();
        for panel in &chart.panels {
            let own = margins_of(panel, shared_x, shared_y);
            margins.left = margins.left.max(own.left);
            margins.right = margins.right.max(own.right);
        }
        let columns = chart.columns.clamp(1, chart.panels.len().max(1));
        let outer = 2.0 * MARGIN + if shared_y && !planes.is_empty() { 18.0 } else { 0.0 };
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
                    || text_width(&panel.title, LABEL, true) + text_width(&panel.note, SMALL, false) + 12.0 > room)
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
            shared_x,
            shared_y: shared_y && !planes.is_empty(),
        };
        page.rows = chart.panels.chunks(columns).map(|row| page.row(row)).collect();
        let gaps = GUTTER * 0.7 * page.rows.len().saturating_sub(1) as f64;
        let rows: f64 = page.rows.iter().map(|row| row.height).sum();
        page.height = top + rows + gaps + MARGIN + if shared_x { 18.0 } else { 0.0 };
        page
    }

    /// Room for the title of panel `i` of a row: its own column and those after it without a title.
    fn title_room(&self, row: &[Panel], i: usize) -> f64 {
        let untitled =
            row[i + 1..].iter().take_while(|p| p.title.is_empty() && matches!(p.body, Body::Raster(_))).count();
        let span = self.columns[i..=i + untitled].iter().sum::<f64>() + GUTTER * untitled as f64;
        let inset = if matches!(row[i].body, Body::Plane(_)) { self.margins.right.min(14.0) } else { 0.0 };
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
            let note = f64::from(!row[i].note.is_empty() && (self.notes_below || row[i].title.is_empty()));
            match (self.title(row, i).len(), note) {
                (0, 0.0) => 0.0,
                (lines, note) => 15.0 * (lines as f64 + note) + 5.0,
            }
        };
        let head = (0..row.len()).map(head).fold(0.0, f64::max);
        let bottom = row.iter().map(|p| margins_of(p, self.shared_x, self.shared_y).bottom).fold(0.0, f64::max);
        let body = |panel: &Panel| match &panel.body {
            Body::Plane(plane) => plane_height(plane) + bottom,
            Body::Raster(raster) => {
                let foot = if raster.foot.is_empty() { 0 } else { self.foot(raster).len() };
                raster_size(raster).1 + column_names_height(raster) + 15.0 * foot as f64
            }
            Body::Message(text) => 20.0 + 18.0 * wrap(text, LABEL, false, WIDTH - 80.0).len() as f64,
        };
        Row { height: head + row.iter().map(body).fold(0.0, f64::max), head, bottom }
    }

    fn foot(&self, raster: &Raster) -> Vec<String> {
        wrap(&raster.foot, SMALL, false, raster_size(raster).0.max(150.0))
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
        let left = MARGIN + if self.shared_y { 18.0 } else { 0.0 };
        let mut at = (left, self.top);
        let columns = self.columns.len();
        for (i, panel) in self.chart.panels.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let in_row = &self.chart.panels[row * columns..self.chart.panels.len().min((row + 1) * columns)];
            self.panel(canvas, at, self.rows[row], panel, &self.title(in_row, column), self.columns[column]);
            at.0 += self.columns[column] + GUTTER;
            if column + 1 == columns {
                at = (left, at.1 + self.rows[row].height + GUTTER * 0.7);
            }
        }
        self.shared_labels(canvas);
    }

    /// Labels that all panels share, once for the whole figure.
    fn shared_labels(&self, canvas: &Canvas) {
        let mut planes = self.chart.panels.iter().filter_map(|p| match &p.body {
            Body::Plane(plane) if plane.axes => Some((p, plane)),
            _ => None,
        });
        let Some((_, plane)) = planes.next() else { return };
        let middle = Type::new(LABEL, INK).anchor(Anchor::Middle);
        if self.shared_y {
            let first = self.top + self.rows.first().map_or(0.0, |row| row.head);
            let below = self.rows.last().map_or(0.0, |row| row.bottom) + if self.shared_x { 18.0 } else { 0.0 };
            let last = self.height - MARGIN - below;
            let at = (MARGIN + 6.0, f64::midpoint(first, last));
            let label = fit(&plane.y.label, LABEL, false, (last - first).max(120.0));
            canvas.text(at, &label, Type { upright: false, ..middle });
        }
        if self.shared_x {
            let (left, right) = (MARGIN + 18.0 + self.margins.left, self.width - MARGIN - self.margins.right);
            canvas.text((f64::midpoint(left, right), self.height - MARGIN - 4.0), &plane.x.label, middle);
        }
    }

    fn panel(&self, canvas: &Canvas, at: Point, row: Row, panel: &Panel, title: &[String], width: f64) {
        let is_plane = matches!(panel.body, Body::Plane(_));
        let left = at.0 + self.margins.left;
        let right = at.0 + width - if is_plane { self.margins.right.min(14.0) } else { 0.0 };
        // Heads of a row end on one line, whatever their number of lines.
        let below = self.notes_below && !panel.note.is_empty();
        let lines = title.len() + usize::from(below || (title.is_empty() && !panel.note.is_empty()));
        let mut y = at.1 + row.head - 5.0 - 15.0 * lines as f64 + 5.0;
        for line in title {
            canvas.text((left, y), line, Type::new(LABEL, INK).bold());
            y += 15.0;
        }
        if below || title.is_empty() {
            canvas.text((left, y), &fit(&panel.note, SMALL, false, right - left), Type::new(SMALL, MUTED));
        } else {
            canvas.text((right, y - 15.0), &panel.note, Type::new(SMALL, MUTED).anchor(Anchor::End));
        }
        let top = at.1 + row.head;
        match &panel.body {
            Body::Plane(plane) => {
                let right = plane.width.map_or(at.0 + width - self.margins.right, |w| left + w);
                let frame = Frame { left, top, right, bottom: top + plane_height(plane) };
                self.plane(canvas, frame, plane, row.bottom);
            }
            Body::Raster(raster) => self.raster(canvas, (left, top), raster),
            Body::Message(text) => {
                for (i, line) in wrap(text, LABEL, false, WIDTH - 80.0).iter().enumerate() {
                    canvas.text((left, top + 12.0 + 18.0 * i as f64), line, Type::new(LABEL, INK));
                }
            }
        }
    }

    fn plane(&self, canvas: &Canvas, frame: Frame, plane: &Plane, bottom: f64) {
        if plane.axes {
            self.axes(canvas, frame, plane, bottom);
        }
        let place =
            |x: f64, y: f64| (plane.x.along(x, frame.left, frame.right), plane.y.along(y, frame.bottom, frame.top));
        for mark in &plane.marks {
            draw_mark(canvas, frame, mark, &place);
        }
        if !plane.ends.is_empty() {
            draw_ends(canvas, frame, plane);
        }
    }

    fn axes(&self, canvas: &Canvas, frame: Frame, plane: &Plane, bottom: f64) {
        let thin = |color| Stroke { color, alpha: 1.0, width: 0.9 };
        for tick in &plane.y.ticks {
            let y = plane.y.along(tick.at, frame.bottom, frame.top);
            canvas.line(&[(frame.left, y), (frame.right, y)], Stroke { width: 0.8, ..thin(GRID) });
            let text = fit(&tick.text, LABEL, false, WIDEST_NAME);
            let color = if plane.y.scale == Scale::Levels { INK } else { MUTED };
            canvas.text((frame.left - 7.0, y), &text, Type::new(LABEL, color).anchor(Anchor::End));
        }
        canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], thin(AXIS));
        let turned = turned(&plane.x, frame.right - frame.left);
        let mut free = f64::NEG_INFINITY;
        let last = plane.x.ticks.last().map(|t| plane.x.along(t.at, frame.left, frame.right));
        for (i, tick) in plane.x.ticks.iter().enumerate() {
            let x = plane.x.along(tick.at, frame.left, frame.right);
            canvas.line(&[(x, frame.bottom), (x, frame.bottom + 4.0)], thin(AXIS));
            if turned {
                let look = Type { upright: false, ..Type::new(SMALL, MUTED) };
                let text = fit(&tick.text, SMALL, false, 90.0);
                canvas.text((x, frame.bottom + 8.0), &text, look.anchor(Anchor::End));
                continue;
            }
            let half = 0.5 * text_width(&tick.text, LABEL, false);
            let is_last = i + 1 == plane.x.ticks.len();
            let blocks_last = !is_last && last.is_some_and(|l| x + half + 6.0 > l - half);
            if x - half >= free && !blocks_last {
                let look = Type::new(LABEL, MUTED).anchor(Anchor::Middle);
                canvas.text((x, frame.bottom + 13.0), &tick.text, look);
                free = x + half + 6.0;
            }
        }
        if !self.shared_x && !plane.x.label.is_empty() {
            let at = (f64::midpoint(frame.left, frame.right), frame.bottom + bottom - 7.0);
            canvas.text(at, &plane.x.label, Type::new(LABEL, INK).anchor(Anchor::Middle));
        }
        if !self.shared_y && !plane.y.label.is_empty() {
            let at = (frame.left - self.margins.left + 6.0, f64::midpoint(frame.top, frame.bottom));
            let look = Type { upright: false, ..Type::new(LABEL, INK).anchor(Anchor::Middle) };
            canvas.text(at, &plane.y.label, look);
        }
    }

    fn raster(&self, canvas: &Canvas, at: Point, raster: &Raster) {
        let origin = (at.0 + row_names_width(raster), at.1 + column_names_height(raster));
        let grid = Cells { raster, origin };
        grid.fill(canvas);
        for path in &raster.paths {
            let points: Vec<Point> = path.iter().map(|&(x, y)| grid.point(x, y)).collect();
            canvas.line(&points, Stroke { color: WHITE, alpha: 0.6, width: 2.4 });
            canvas.line(&points, Stroke { color: ACCENT, alpha: 1.0, width: 1.1 });
        }
        for &(x, y) in &raster.rings {
            let radius = (0.5 * raster.cell as f64).max(3.0);
            let point = grid.point(x as f64 + 0.5, y as f64 + 0.5);
            canvas.ring(point, radius, Stroke { color: WHITE, alpha: 0.9, width: 3.2 });
            canvas.ring(point, radius, Stroke { color: ACCENT, alpha: 1.0, width: 1.6 });
        }
        let look = Type::new(SMALL, MUTED);
        for (i, name) in raster.row_names.iter().enumerate() {
            let y = grid.point(0.0, (i as f64 + 0.5) * raster.height as f64 / raster.row_names.len() as f64).1;
            canvas.text((origin.0 - 6.0, y), &fit(name, SMALL, false, WIDEST_NAME), look.anchor(Anchor::End));
        }
        for (i, name) in raster.column_names.iter().enumerate() {
            let x = grid.point((i as f64 + 0.5) * raster.width as f64 / raster.column_names.len() as f64, 0.0).0;
            canvas.text((x, origin.1 - 8.0), name, look.anchor(Anchor::Middle));
        }
        for (i, line) in self.foot(raster).iter().enumerate() {
            canvas.text(
                (origin.0, at.1 + raster_size(raster).1 + column_names_height(raster) + 9.0 + 15.0 * i as f64),
                line,
                look,
            );
        }
    }
}

/// A raster on the page.
struct Cells<'a> {
    raster: &'a Raster,
    origin: Point,
}

impl Cells<'_> {
    /// A point given in cells.
    fn point(&self, x: f64, y: f64) -> Point {
        let raster = self.raster;
        let pitch = (raster.cell + raster.gap) as f64;
        let (across, down) = raster.tile.unwrap_or((usize::MAX, usize::MAX));
        let tiles = |v: f64, span: usize| if span == usize::MAX { 0.0 } else { (v / span as f64).floor() };
        (self.origin.0 + x * pitch + tiles(x, across), self.origin.1 + y * pitch + tiles(y, down))
    }

    fn rectangle(&self, canvas: &Canvas, (left, right): (usize, usize), (top, bottom): (usize, usize), class: u16) {
        let from = self.point(left as f64, top as f64);
        let last = self.point(right as f64 - 1.0, bottom as f64 - 1.0);
        let to = (last.0 + self.raster.cell as f64, last.1 + self.raster.cell as f64);
        canvas.rectangle(from, to, self.raster.colors[usize::from(class)]);
    }

    /// Class 0 is the ground, laid tile by tile; the others follow class by class, in runs along rows.
    fn fill(&self, canvas: &Canvas) {
        let raster = self.raster;
        let (across, down) =
            if raster.gap > 0 { (1, 1) } else { raster.tile.unwrap_or((raster.width.max(1), raster.height.max(1))) };
        for top in (0..raster.height).step_by(down) {
            for left in (0..raster.width).step_by(across) {
                self.rectangle(canvas, (left, left + across), (top, top + down), 0);
            }
        }
        let mut runs: Vec<(u16, usize, usize, usize)> = Vec::new();
        for (y, row) in raster.cells.chunks(raster.width.max(1)).enumerate() {
            let mut x = 0;
            while x < row.len() {
                let class = row[x];
                let tile_end = (x / across + 1) * across;
                let end = (x..row.len().min(tile_end)).find(|&i| row[i] != class).unwrap_or(row.len().min(tile_end));
                if class > 0 {
                    runs.push((class, y, x, end));
                }
                x = end;
            }
        }
        runs.sort_by_key(|run| run.0);
        for (class, y, x, end) in runs {
            self.rectangle(canvas, (x, end), (y, y + 1), class);
        }
    }
}

fn draw_mark(canvas: &Canvas, frame: Frame, mark: &Mark, place: &impl Fn(f64, f64) -> Point) {
    match mark {
        Mark::Line { points, color, width, alpha, dashed } => {
            let points: Vec<Point> = points.iter().map(|&(x, y)| place(x, y)).collect();
            let stroke = Stroke { color: *color, alpha: *alpha, width: *width };
            for piece in frame.line(&points) {
                if *dashed { canvas.dashed(&piece, stroke) } else { canvas.line(&piece, stroke) }
            }
        }
        Mark::Band { points, color, alpha } => {
            let upper = points.iter().map(|&(x, _, high)| place(x, high));
            let lower = points.iter().rev().map(|&(x, low, _)| place(x, low));
            let outline: Vec<Point> = upper.chain(lower).collect();
            canvas.polygon(&frame.polygon(&outline), *color, *alpha);
        }
        Mark::Dot { at, form, color, radius, nudge } => {
            let (x, y) = place(at.0, at.1);
            draw_dot(canvas, (x, y + nudge), *form, *color, *radius);
        }
        Mark::Text { at, text, anchor, nudge, color, size } => {
            let (x, y) = place(at.0, at.1);
            let (x, y) = (x + nudge.0, y + nudge.1);
            if *nudge != (0.0, 0.0) {
                let width = text_width(text, *size, false);
                let left = x - match anchor {
                    Anchor::Start => 1.5,
                    Anchor::Middle => 0.5 * width,
                    Anchor::End => width - 1.5,
                };
                let (top, low) = (y - 0.6 * size, y + 0.6 * size);
                canvas.polygon(&[(left, top), (left + width, top), (left + width, low), (left, low)], WHITE, 0.85);
            }
            canvas.text((x, y), text, Type::new(*size, *color).anchor(*anchor));
        }
    }
}

fn draw_dot(canvas: &Canvas, (x, y): Point, form: Form, color: super::style::Color, r: f64) {
    match form {
        Form::Disc => {
            canvas.disc((x, y), r + 1.0, WHITE, 1.0);
            canvas.disc((x, y), r, color, 1.0);
        }
        Form::Seed => canvas.disc((x, y), r, color, 0.55),
        Form::Ring => {
            canvas.disc((x, y), r + 0.8, WHITE, 1.0);
            canvas.ring((x, y), r, Stroke { color, alpha: 1.0, width: 1.6 });
        }
        Form::Cross => {
            for stroke in [Stroke { color: WHITE, alpha: 1.0, width: 4.0 }, Stroke { color, alpha: 1.0, width: 1.8 }] {
                canvas.line(&[(x - r, y - r), (x + r, y + r)], stroke);
                canvas.line(&[(x - r, y + r), (x + r, y - r)], stroke);
            }
        }
        Form::Left => canvas.polygon(&[(x, y), (x + 1.7 * r, y - r), (x + 1.7 * r, y + r)], color, 1.0),
        Form::Right => canvas.polygon(&[(x, y), (x - 1.7 * r, y - r), (x - 1.7 * r, y + r)], color, 1.0),
    }
}

fn draw_ends(canvas: &Canvas, frame: Frame, plane: &Plane) {
    let wanted: Vec<f64> = plane
        .ends
        .iter()
        .map(|e| plane.y.along(e.at, frame.bottom, frame.top).clamp(frame.top, frame.bottom))
        .collect();
    let placed =
        if plane.spread { spread(&wanted, LABEL_GAP, frame.top + 6.0, frame.bottom - 4.0) } else { wanted.clone() };
    let name_room = names_width(&plane.ends);
    let widths = value_widths(plane);
    let start = frame.right + end_offset(&plane.ends) + name_room;
    let muted = Type::new(LABEL, MUTED).anchor(Anchor::End);
    let head_y = placed.iter().copied().fold(f64::INFINITY, f64::min) - 17.0;
    let mut right = start;
    for (i, width) in widths.iter().enumerate() {
        right += width + 14.0;
        if let Some(head) = plane.heads.get(i) {
            canvas.text((right, head_y), head, Type { size: SMALL, ..muted });
        }
        for (end, y) in plane.ends.iter().zip(&placed) {
            if let Some(value) = end.values.get(i) {
                canvas.text((right, *y), value, muted);
            }
        }
    }
    for ((end, from), to) in plane.ends.iter().zip(&wanted).zip(&placed) {
        if let Some(color) = end.color {
            let x = frame.right;
            let stroke = Stroke { color, alpha: 1.0, width: 1.0 };
            canvas.line(&[(x + 2.0, *from), (x + 11.0, *to), (x + 16.0, *to)], stroke);
            canvas.disc((x + 19.0, *to), 3.3, color, 1.0);
        }
        let name = fit(&end.name, LABEL, true, WIDEST_NAME);
        canvas.text((frame.right + end_offset(&plane.ends), *to), &name, Type::new(LABEL, INK).bold());
    }
}

fn end_offset(ends: &[End]) -> f64 {
    if ends.iter().any(|e| e.color.is_some()) { LEADER } else { 0.0 }
}

fn names_width(ends: &[End]) -> f64 {
    let width = |e: &End| if e.name.is_empty() { 0.0 } else { text_width(&e.name, LABEL, true).min(WIDEST_NAME) };
    ends.iter().map(width).fold(0.0, f64::max)
}

fn value_widths(plane: &Plane) -> Vec<f64> {
    let columns = plane.ends.iter().map(|e| e.values.len()).max().unwrap_or(0);
    let head = |i: usize| plane.heads.get(i).map_or(0.0, |h| text_width(h, SMALL, false));
    let widest = |i: usize| {
        let values = plane.ends.iter().filter_map(move |e| e.values.get(i));
        values.map(|v| text_width(v, LABEL, false)).fold(head(i), f64::max)
    };
    (0..columns).map(widest).collect()
}

fn plane_height(plane: &Plane) -> f64 {
    let labels = if plane.spread { LABEL_GAP * plane.ends.len() as f64 + 10.0 } else { 0.0 };
    plane.height.max(labels)
}

fn content_width(panel: &Panel) -> Option<f64> {
    match &panel.body {
        Body::Plane(plane) => plane.width,
        Body::Raster(raster) => Some(raster_size(raster).0),
        Body::Message(_) => None,
    }
}

fn raster_size(raster: &Raster) -> (f64, f64) {
    let extent = |cells: usize, tile: Option<usize>| {
        let tiles = tile.map_or(0, |span| (cells / span.max(1)).saturating_sub(1));
        (cells * (raster.cell + raster.gap) + tiles).saturating_sub(raster.gap) as f64
    };
    let width = extent(raster.width, raster.tile.map(|t| t.0));
    (width + row_names_width(raster), extent(raster.height, raster.tile.map(|t| t.1)))
}

fn row_names_width(raster: &Raster) -> f64 {
    let widest = raster.row_names.iter().map(|n| text_width(n, SMALL, false).min(WIDEST_NAME)).fold(0.0, f64::max);
    if raster.row_names.is_empty() { 0.0 } else { widest + 8.0 }
}

fn column_names_height(raster: &Raster) -> f64 {
    if raster.column_names.is_empty() { 0.0 } else { 16.0 }
}

/// Whether the names of levels have to stand upright to fit side by side.
fn turned(axis: &Axis, width: f64) -> bool {
    let room = width / axis.ticks.len().max(1) as f64 - 6.0;
    axis.scale == Scale::Levels && axis.ticks.iter().any(|t| text_width(&t.text, LABEL, false) > room)
}

fn margins_of(panel: &Panel, shared_x: bool, shared_y: bool) -> Margins {
    let Body::Plane(plane) = &panel.body else { return Margins::default() };
    if !plane.axes {
        return Margins::default();
    }
    let tick = |t: &Tick| text_width(&t.text, LABEL, false).min(WIDEST_NAME);
    let left = plane.y.ticks.iter().map(tick).fold(0.0, f64::max) + 7.0;
    let y_label = if shared_y || plane.y.label.is_empty() { 0.0 } else { 18.0 };
    let last = plane.x.ticks.last().map_or(0.0, |t| 0.5 * text_width(&t.text, LABEL, false));
    let right = if plane.ends.is_empty() {
        last.max(10.0)
    } else {
        let values: f64 = value_widths(plane).iter().map(|w| w + 14.0).sum();
        end_offset(&plane.ends) + names_width(&plane.ends) + values + 4.0
    };
    // The narrowest plane any layout gives decides whether names are turned: margins must not depend on themselves.
    let turned_room = if turned(&plane.x, plane.width.unwrap_or(160.0)) {
        plane.x.ticks.iter().map(|t| text_width(&t.text, SMALL, false).min(90.0)).fold(0.0, f64::max)
    } else {
        12.0
    };
    let x_label = if shared_x || plane.x.label.is_empty() { 0.0 } else { 20.0 };
    Margins { left: left + y_label, right, bottom: 10.0 + turned_room + x_label }
}
