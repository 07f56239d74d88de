//! Clipping of lines and regions at the border of a plane. plotters moves points outside onto the
//! border, which draws plateaus that are not in the data; a curve must leave the frame with its own
//! slope.

use super::canvas::Position;

/// A rectangle of the page: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// Pieces of a line inside the frame, in order (Liang and Barsky, segment by segment). Points
    /// that are not finite break the line.
    pub(super) fn line(&self, points: &[Position]) -> Vec<Vec<Position>> {
        let mut pieces: Vec<Vec<Position>> = Vec::new();
        let mut joined = false;
        for pair in points.windows(2) {
            let Some((from, to)) = self.segment(pair[0], pair[1]) else {
                joined = false;
                continue;
            };
            match pieces.last_mut() {
                Some(piece) if joined => piece.push(to),
                _ => pieces.push(vec![from, to]),
            }
            joined = to == pair[1];
        }
        pieces
    }

    fn segment(&self, a: Position, b: Position) -> Option<(Position, Position)> {
        if ![a.0, a.1, b.0, b.1].iter().all(|v| v.is_finite()) {
            return None;
        }
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0, 1.0);
        let sides = [
            (-dx, a.0 - self.left),
            (dx, self.right - a.0),
            (-dy, a.1 - self.top),
            (dy, self.bottom - a.1),
        ];
        for (slope, room) in sides {
            if slope == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if slope < 0.0 {
                enter = f64::max(enter, room / slope);
            } else {
                leave = f64::min(leave, room / slope);
            }
        }
        let at = |t: f64| if t == 1.0 { b } else { self.inside((a.0 + t * dx, a.1 + t * dy)) };
        (enter <= leave).then(|| (if enter == 0.0 { a } else { at(enter) }, at(leave)))
    }

    /// Moves a point back inside that rounding put outside.
    fn inside(&self, p: Position) -> Position {
        (p.0.clamp(self.left, self.right), p.1.clamp(self.top, self.bottom))
    }

    /// Part of a polygon inside the frame (Sutherland and Hodgman).
    pub(super) fn polygon(&self, points: &[Position]) -> Vec<Position> {
        type Side<'a> = (&'a dyn Fn(Position) -> f64, &'a dyn Fn(Position) -> Position);
        let sides: [Side; 4] = [
            (&|p| p.0 - self.left, &|p| (self.left, p.1)),
            (&|p| self.right - p.0, &|p| (self.right, p.1)),
            (&|p| p.1 - self.top, &|p| (p.0, self.top)),
            (&|p| self.bottom - p.1, &|p| (p.0, self.bottom)),
        ];
        let mut polygon: Vec<Position> =
            points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
        for (room, snap) in sides {
            let mut kept = Vec::with_capacity(polygon.len());
            for (i, &p) in polygon.iter().enumerate() {
                let q = polygon[(i + 1) % polygon.len()];
                let (here, there) = (room(p), room(q));
                if here >= 0.0 {
                    kept.push(p);
                }
                if (here >= 0.0) != (there >= 0.0) {
                    let t = here / (here - there);
                    kept.push(snap((p.0 + t * (q.0 - p.0), p.1 + t * (q.1 - p.1))));
                }
            }
            polygon = kept;
        }
        polygon
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: Frame = Frame { left: 10.0, top: 20.0, right: 110.0, bottom: 80.0 };

    fn holds(p: Position) -> bool {
        (FRAME.left..=FRAME.right).contains(&p.0) && (FRAME.top..=FRAME.bottom).contains(&p.1)
    }

    fn anywhere() -> impl Strategy<Value = Position> {
        let near = (-200.0..300.0, -200.0..300.0);
        let wild = (any::<f64>(), any::<f64>()).prop_map(|(x, y)| (x % 1e9, y % 1e9));
        prop_oneof![4 => near, 1 => wild]
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_outside(points in prop::collection::vec(anywhere(), 0..30)) {
            prop_assert!(FRAME.line(&points).concat().into_iter().all(holds));
            prop_assert!(FRAME.polygon(&points).into_iter().all(holds));
        }

        #[test]
        fn what_lies_inside_is_drawn_as_it_is(
            points in prop::collection::vec((10.0..110.0f64, 20.0..80.0f64), 2..30),
        ) {
            prop_assert_eq!(FRAME.line(&points), vec![points.clone()]);
            prop_assert_eq!(FRAME.polygon(&points), points);
        }
    }

    #[test]
    fn a_line_leaves_at_its_own_slope_and_comes_back_as_a_second_piece() {
        let pieces = FRAME.line(&[(20.0, 70.0), (60.0, -10.0), (100.0, 70.0)]);
        assert_eq!(pieces, [[(20.0, 70.0), (45.0, 20.0)], [(75.0, 20.0), (100.0, 70.0)]]);
    }
}
