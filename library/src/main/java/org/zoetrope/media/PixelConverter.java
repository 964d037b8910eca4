package org.zoetrope.media;

import static org.bytedeco.ffmpeg.global.avutil.AVCHROMA_LOC_LEFT;
import static org.bytedeco.ffmpeg.global.avutil.AVCHROMA_LOC_TOPLEFT;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_RANGE_JPEG;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_BT2020_CL;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_BT2020_NCL;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_BT470BG;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_BT709;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_FCC;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_SMPTE170M;
import static org.bytedeco.ffmpeg.global.avutil.AVCOL_SPC_SMPTE240M;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_RGB24;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_RGBA;
import static org.bytedeco.ffmpeg.global.swscale.SWS_ACCURATE_RND;
import static org.bytedeco.ffmpeg.global.swscale.SWS_CS_BT2020;
import static org.bytedeco.ffmpeg.global.swscale.SWS_CS_FCC;
import static org.bytedeco.ffmpeg.global.swscale.SWS_CS_ITU601;
import static org.bytedeco.ffmpeg.global.swscale.SWS_CS_ITU709;
import static org.bytedeco.ffmpeg.global.swscale.SWS_CS_SMPTE240M;
import static org.bytedeco.ffmpeg.global.swscale.SWS_FULL_CHR_H_INP;
import static org.bytedeco.ffmpeg.global.swscale.SWS_FULL_CHR_H_INT;
import static org.bytedeco.ffmpeg.global.swscale.SWS_LANCZOS;
import static org.bytedeco.ffmpeg.global.swscale.sws_alloc_context;
import static org.bytedeco.ffmpeg.global.swscale.sws_freeContext;
import static org.bytedeco.ffmpeg.global.swscale.sws_getCoefficients;
import static org.bytedeco.ffmpeg.global.swscale.sws_init_context;
import static org.bytedeco.ffmpeg.global.swscale.sws_scale;
import static org.bytedeco.ffmpeg.global.swscale.sws_setColorspaceDetails;

import java.nio.file.Path;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.swscale.SwsContext;

/// Turns pixels of one format into another at the same size, with the matrix, the range and the chroma positions that
/// the colour tags name.
///
/// Our own 4:2:0 files put chroma in the middle of its four pixels and say so. Left of the middle would be H.264's
/// default, but most software (swscale without options, Chromium) assumes the middle whatever the tag says; on a
/// 64 x 64 clip the half pixel between the two costs about 5 levels where colours change.
final class PixelConverter implements AutoCloseable {
    private static final int ONE = 1 << 16; // swscale's fixed point for contrast and saturation
    private static final int SD_LINES = 576; // untagged video up to here is BT.601, larger video is BT.709
    private static final int MIDDLE = 128; // chroma positions count 1/256 of a luma pixel

    private final SwsContext context;

    private PixelConverter(int width, int height, int from, int to, int matrix, boolean fullFrom, boolean fullTo,
            int chromaX, int chromaY) {
        context = Ffmpeg.allocated(sws_alloc_context(), "a colour converter");
        // Full chroma interpolation and exact rounding: without them a flat saturated colour comes back several
        // levels off, and chroma is sampled from every second column only. Lanczos loses least through 4:2:0 and back:
        // on moving shapes at 64 x 64 36.5 dB, bicubic 35.9, bilinear 34.2; swscale's default, no interpolation, 31.3.
        context.flags(SWS_LANCZOS | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP)
                .src_w(width).src_h(height).src_format(from).src_h_chr_pos(chromaX).src_v_chr_pos(chromaY)
                .dst_w(width).dst_h(height).dst_format(to).dst_h_chr_pos(chromaX).dst_v_chr_pos(chromaY);
        if (sws_init_context(context, null, null) < 0) {
            sws_freeContext(context);
            throw new MediaException("FFmpeg has no conversion from pixel format %d to %d at %d x %d".formatted(
                    from, to, width, height));
        }
        var table = sws_getCoefficients(matrix);
        sws_setColorspaceDetails(context, table, fullFrom ? 1 : 0, table, fullTo ? 1 : 0, 0, ONE, ONE);
    }

    /// From RGB to an encoder's format; YUV is in limited range with chroma in the middle.
    ///
    /// @param colourSpace FFmpeg's number of the matrix, `AVCOL_SPC_...`
    static PixelConverter fromRgb(int width, int height, int format, int colourSpace) {
        return new PixelConverter(width, height, AV_PIX_FMT_RGB24, format, matrix(colourSpace, height), true, false,
                MIDDLE, MIDDLE);
    }

    /// From a decoded frame to RGB, by the frame's own tags. An untagged frame is BT.601 up to 576 lines and BT.709
    /// above, the convention of players.
    static PixelConverter toRgb(AVFrame frame) {
        var left = frame.chroma_location() == AVCHROMA_LOC_LEFT || frame.chroma_location() == AVCHROMA_LOC_TOPLEFT;
        var top = frame.chroma_location() == AVCHROMA_LOC_TOPLEFT;
        return new PixelConverter(frame.width(), frame.height(), frame.format(), AV_PIX_FMT_RGB24,
                matrix(frame.colorspace(), frame.height()), frame.color_range() == AVCOL_RANGE_JPEG, true,
                left ? 0 : MIDDLE, top ? 0 : MIDDLE);
    }

    /// From a decoded WebP picture to RGBA. WebP is BT.601 in limited range with chroma in the middle at every size,
    /// whatever FFmpeg's tags say.
    static PixelConverter fromWebp(AVFrame frame) {
        return new PixelConverter(frame.width(), frame.height(), frame.format(), AV_PIX_FMT_RGBA, SWS_CS_ITU601,
                false, true, MIDDLE, MIDDLE);
    }

    private static int matrix(int colourSpace, int height) {
        return switch (colourSpace) {
            case AVCOL_SPC_BT709 -> SWS_CS_ITU709;
            case AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M -> SWS_CS_ITU601;
            case AVCOL_SPC_SMPTE240M -> SWS_CS_SMPTE240M;
            case AVCOL_SPC_FCC -> SWS_CS_FCC;
            case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL -> SWS_CS_BT2020;
            default -> height <= SD_LINES ? SWS_CS_ITU601 : SWS_CS_ITU709;
        };
    }

    void convert(AVFrame from, AVFrame to, Path file) {
        Ffmpeg.check(sws_scale(context, from.data(), from.linesize(), 0, from.height(), to.data(), to.linesize()),
                "converting colours", file);
    }

    /// Copies a packed image into plane 0 of a frame, whose rows may be longer than the image's.
    static void fill(AVFrame frame, byte[] image, int rowBytes) {
        var plane = frame.data(0);
        for (var y = 0; y < frame.height(); y++) {
            plane.position((long) y * frame.linesize(0)).put(image, y * rowBytes, rowBytes);
        }
    }

    /// The packed image in plane 0 of a frame.
    static byte[] packed(AVFrame frame, int rowBytes) {
        var image = new byte[rowBytes * frame.height()];
        var plane = frame.data(0);
        for (var y = 0; y < frame.height(); y++) {
            plane.position((long) y * frame.linesize(0)).get(image, y * rowBytes, rowBytes);
        }
        return image;
    }

    @Override
    public void close() {
        sws_freeContext(context);
    }
}
