package org.zoetrope.media;

/// Small clips for the media tests.
final class Clips {
    private Clips() {}

    /// Smooth colours that drift: every hue, no hard edge.
    static Frames drifting(int width, int height, int count, double fps) {
        return Frames.paint(width, height, fps, count, (f, x, y) -> {
            var r = 127.5 + 110 * Math.sin(2 * Math.PI * (x / (double) width + f * 0.03));
            var g = 127.5 + 110 * Math.sin(2 * Math.PI * (y / (double) height - f * 0.04 + 0.3));
            var b = 127.5 + 110 * Math.sin(2 * Math.PI * ((x + y) / (double) (width + height) + f * 0.05 + 0.6));
            return (int) Math.round(r) << 16 | (int) Math.round(g) << 8 | (int) Math.round(b);
        });
    }

    /// A red disc moving right over a grey-blue ground, a yellow square moving down: flat colours with hard edges.
    static Frames shapes(int width, int height, int count, double fps) {
        return Frames.paint(width, height, fps, count, (f, x, y) -> {
            var cx = width * 0.25 + f * width * 0.5 / count;
            var top = height * 0.1 + f * height * 0.4 / count;
            var radius = height * 0.2;
            if (Math.hypot(x - cx, y - height * 0.65) < radius) {
                return 0xD02020;
            }
            if (x > width * 0.6 && x < width * 0.9 && y > top && y < top + height * 0.25) {
                return 0xE8D030;
            }
            return 0x405070;
        });
    }

    /// Peak signal-to-noise ratio over all bytes of two clips, in dB; infinite when they are equal.
    static double psnr(Frames a, Frames b) {
        double sum = 0;
        long n = 0;
        for (var i = 0; i < a.count(); i++) {
            var p = a.images().get(i);
            var q = b.images().get(i);
            for (var j = 0; j < p.length; j++) {
                var d = (p[j] & 0xff) - (q[j] & 0xff);
                sum += d * d;
                n++;
            }
        }
        return sum == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(255.0 * 255.0 * n / sum);
    }
}
