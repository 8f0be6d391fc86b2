//! The histogram as a picture: one drawing on two canvases, SVG text and a PNG of 8-bit pixels.
//!
//! A canvas has rectangles and text in a fixed size (characters of 8 × 8 pixels); bars stand side by side, a colour each series, their height the number of elements.

use super::figures::Histogram;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use font8x8::legacy::BASIC_LEGACY;
use std::io::Write;

type Colour = [u8; 3];

const PAPER: Colour = [255, 255, 255];
const INK: Colour = [40, 40, 40];
/// Of Okabe and Ito (2008), which people of every vision tell apart.
const SERIES: [Colour; 4] = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167]];
/// The side of a character.
const CHARACTER: usize = 8;

/// What a drawing needs.
trait Canvas {
    fn rectangle(&mut self, at: (usize, usize), size: (usize, usize), colour: Colour);
    /// Text whose upper left corner is `at`.
    fn text(&mut self, at: (usize, usize), text: &str);
}

/// The histogram as SVG.
pub fn svg(histogram: &Histogram, labels: &[String], title: &str) -> String {
    let (width, height) = size(histogram);
    let mut svg = Svg(String::new());
    draw(&mut svg, histogram, labels, title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"13\">\n{}</svg>\n",
        svg.0
    )
}

/// The histogram as PNG (ISO/IEC 15948).
pub fn png(histogram: &Histogram, labels: &[String], title: &str) -> Vec<u8> {
    let (width, height) = size(histogram);
    let mut pixels = Pixels { width, height, data: vec![255; 3 * width * height] };
    draw(&mut pixels, histogram, labels, title);
    pixels.encode()
}

const MARGIN: usize = 24;
const PLOT: usize = 260;

/// The width of a bin.
fn step(histogram: &Histogram) -> usize {
    (histogram.counts.len() * 22 + 12).max(64)
}

fn size(histogram: &Histogram) -> (usize, usize) {
    ((2 * MARGIN + 16 + step(histogram) * histogram.bins.len()).max(520), PLOT + 110)
}

fn draw(canvas: &mut dyn Canvas, histogram: &Histogram, labels: &[String], title: &str) {
    let (width, height) = size(histogram);
    canvas.rectangle((0, 0), (width, height), PAPER);
    canvas.text((MARGIN, 12), title);
    let (step, base) = (step(histogram), PLOT + 56);
    let most = histogram.counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    let bar = (step - 12) / histogram.counts.len().max(1);
    for (bin, label) in histogram.bins.iter().enumerate() {
        let left = MARGIN + 8 + bin * step;
        for (series, counts) in histogram.counts.iter().enumerate() {
            let count = counts[bin];
            let tall = (count * (PLOT - 24)).div_ceil(most);
            let at = left + series * bar;
            canvas.rectangle((at, base - tall), (bar.saturating_sub(2), tall), SERIES[series % SERIES.len()]);
            if count > 0 {
                canvas.text((at, base - tall - 10), &count.to_string());
            }
        }
        canvas.text((left, base + 6), &label.replace('≤', "<="));
    }
    canvas.rectangle((MARGIN, base), (width - 2 * MARGIN, 1), INK);
    canvas.text((MARGIN + 8, base + 20), "units in the last place from the exact value (elements in each bin)");
    for (series, label) in labels.iter().enumerate() {
        let at = (MARGIN + 8 + series * 150, base + 36);
        canvas.rectangle(at, (10, 8), SERIES[series % SERIES.len()]);
        canvas.text((at.0 + 14, at.1), &label.chars().take(16).collect::<String>());
    }
}

/// Elements of an SVG document.
struct Svg(String);

impl Canvas for Svg {
    fn rectangle(&mut self, (x, y): (usize, usize), (width, height): (usize, usize), [r, g, b]: Colour) {
        self.0 += &format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>\n"
        );
    }

    fn text(&mut self, (x, y): (usize, usize), text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.0 += &format!("<text x=\"{x}\" y=\"{}\" fill=\"#282828\">{text}</text>\n", y + CHARACTER);
    }
}

/// Red, green and blue, row after row.
struct Pixels {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Canvas for Pixels {
    fn rectangle(&mut self, (x, y): (usize, usize), (width, height): (usize, usize), colour: Colour) {
        for row in y..(y + height).min(self.height) {
            for column in x..(x + width).min(self.width) {
                let at = 3 * (row * self.width + column);
                self.data[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    fn text(&mut self, (x, y): (usize, usize), text: &str) {
        for (place, character) in text.chars().enumerate() {
            let glyph = BASIC_LEGACY.get(character as usize).unwrap_or(&BASIC_LEGACY[b'?' as usize]);
            for (row, bits) in glyph.iter().enumerate() {
                for column in (0..CHARACTER).filter(|column| bits >> column & 1 == 1) {
                    self.rectangle((x + place * CHARACTER + column, y + row), (1, 1), INK);
                }
            }
        }
    }
}

impl Pixels {
    fn encode(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = |kind: &[u8; 4], data: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(kind);
            crc.update(data);
            file.extend((data.len() as u32).to_be_bytes()); // a picture is far below 4 GiB
            file.extend(kind);
            file.extend(data);
            file.extend(crc.sum().to_be_bytes());
        };
        let mut header = Vec::new();
        header.extend((self.width as u32).to_be_bytes());
        header.extend((self.height as u32).to_be_bytes());
        header.extend([8, 2, 0, 0, 0]); // 8 bits, RGB, deflate, no filter, no interlace
        chunk(b"IHDR", &header);
        let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.data.chunks_exact(3 * self.width) {
            // Writing to memory does not fail.
            let _ = rows.write_all(&[0]).and_then(|()| rows.write_all(row));
        }
        chunk(b"IDAT", &rows.finish().unwrap_or_default());
        chunk(b"IEND", &[]);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn two() -> (Histogram, Vec<String>) {
        (Histogram::of(&[&[0.0, 0.4, 3.0], &[0.9, 0.2, 0.1]]), vec!["a<b".into(), "c".into()])
    }

    #[test]
    fn a_png_has_as_many_pixels_as_it_says() {
        let (histogram, labels) = two();
        let file = png(&histogram, &labels, "title");
        let (width, height) = size(&histogram);
        assert_eq!(file[16..24], [(width as u32).to_be_bytes(), (height as u32).to_be_bytes()].concat());
        let length = u32::from_be_bytes(file[33..37].try_into().expect("four bytes")) as usize;
        assert_eq!(&file[37..41], b"IDAT");
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(&file[41..41 + length]).read_to_end(&mut rows).expect("it is zlib");
        assert_eq!(rows.len(), height * (1 + 3 * width));
        let blue = rows.windows(3).filter(|pixel| *pixel == SERIES[0]).count();
        assert!(blue > 1000, "{blue} pixels of the first series");
    }

    #[test]
    fn text_in_an_svg_is_escaped() {
        let (histogram, labels) = two();
        let text = svg(&histogram, &labels, "a & b");
        assert!(text.contains("a &amp; b") && text.contains("a&lt;b") && !text.contains("a<b"));
        assert_eq!(text.matches("<rect").count(), 1 + 2 * histogram.bins.len() + 1 + 2);
    }
}
