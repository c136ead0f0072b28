//! Pictures for files, for the command alone; the module is built without them. Nothing is written here:
//! the bytes go to the caller, who decides where and with which mode.

use zeroize::Zeroizing;

use super::QrCode;
use crate::Error;

/// Side of a module in the SVG picture, in CSS pixels: a typical code becomes about 10 cm wide in print.
const SVG_MODULE: usize = 8;

impl QrCode {
    /// An SVG picture (SVG 1.1): a white square and all dark modules as one black path.
    pub fn svg(&self, quiet_zone: u8) -> Zeroizing<String> {
        let side = self.width + 2 * usize::from(quiet_zone);
        let pixels = side * SVG_MODULE;
        // A run of dark modules is at most `M177 177h177v1h-177z`, and each but the last has a light one after it.
        let mut svg = Zeroizing::new(String::with_capacity(256 + self.width * self.width.div_ceil(2) * 24));
        svg.push_str(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" \
             viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\n\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\n<path fill=\"#000\" d=\""
        ));
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let run = (x..side).take_while(|&x| self.is_dark(x, y, quiet_zone)).count();
                if run > 0 {
                    svg.push_str(&format!("M{x} {y}h{run}v1h-{run}z"));
                }
                x += run + 1;
            }
        }
        svg.push_str("\"/>\n</svg>\n");
        svg
    }

    /// A PNG picture (ISO/IEC 15948) of one bit a pixel, each module a square of so many pixels (at least 1).
    ///
    /// # Errors
    /// [`Error::Picture`] if the encoder refuses.
    pub fn png(&self, quiet_zone: u8, pixels_per_module: u8) -> Result<Zeroizing<Vec<u8>>, Error> {
        let scale = usize::from(pixels_per_module.max(1));
        let side = (self.width + 2 * usize::from(quiet_zone)) * scale;
        let stride = side.div_ceil(8);
        let mut pixels = Zeroizing::new(vec![0; stride * side]);
        for (y, line) in pixels.chunks_exact_mut(stride).enumerate() {
            for x in (0..side).filter(|x| !self.is_dark(x / scale, y / scale, quiet_zone)) {
                if let Some(byte) = line.get_mut(x / 8) {
                    *byte |= 0x80 >> (x % 8);
                }
            }
        }

        let mut file = Zeroizing::new(Vec::with_capacity(pixels.len() + 1024));
        let side = u32::try_from(side).map_err(|_| Error::Picture)?;
        let mut encoder = png::Encoder::new(&mut *file, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().map_err(|_| Error::Picture)?;
        writer.write_image_data(&pixels).map_err(|_| Error::Picture)?;
        writer.finish().map_err(|_| Error::Picture)?;
        Ok(file)
    }
}
