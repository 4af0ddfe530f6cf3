/* The least that a thumbnail can cost: libjpeg-turbo decodes at 1/denominator and encodes again, and nothing else.
 * No checks, no Python, no resampling; errors end the process.  Built and called by benchmarks/imaging.py. */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* Returns the length of the JPEG written to `out`, which is allocated by libjpeg; release it with `floor_free`. */
unsigned long floor_thumbnail(const unsigned char *in, unsigned long length, int denominator, int quality,
                              unsigned char **out)
{
    struct jpeg_error_mgr error;
    struct jpeg_decompress_struct source = {.err = jpeg_std_error(&error)};
    struct jpeg_compress_struct target = {.err = &error};
    unsigned long written = 0;

    jpeg_create_decompress(&source);
    jpeg_mem_src(&source, in, length);
    jpeg_read_header(&source, TRUE);
    source.scale_num = 1;
    source.scale_denom = (unsigned int)denominator;
    source.out_color_space = JCS_RGB;
    jpeg_start_decompress(&source);

    const size_t stride = (size_t)source.output_width * 3;
    unsigned char *pixels = malloc(stride * source.output_height);
    if (!pixels)
        abort();
    while (source.output_scanline < source.output_height) {
        JSAMPROW row = pixels + stride * source.output_scanline;
        jpeg_read_scanlines(&source, &row, 1);
    }

    jpeg_create_compress(&target);
    *out = NULL;
    jpeg_mem_dest(&target, out, &written);
    target.image_width = source.output_width;
    target.image_height = source.output_height;
    target.input_components = 3;
    target.in_color_space = JCS_RGB;
    jpeg_set_defaults(&target); /* 4:2:0, baseline, standard tables, as Pillow writes */
    jpeg_set_quality(&target, quality, TRUE);
    jpeg_start_compress(&target, TRUE);
    while (target.next_scanline < target.image_height) {
        JSAMPROW row = pixels + stride * target.next_scanline;
        jpeg_write_scanlines(&target, &row, 1);
    }
    jpeg_finish_compress(&target);
    jpeg_destroy_compress(&target);
    jpeg_finish_decompress(&source);
    jpeg_destroy_decompress(&source);
    free(pixels);
    return written;
}

void floor_free(unsigned char *out) { free(out); }
