package org.zoetrope.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Width and height in pixels, typed as `720x480`.
record PictureSize(int width, int height) {
    static final class Converter implements ITypeConverter<PictureSize> {
        @Override
        public PictureSize convert(String text) {
            var parts = text.split("[xX*]", -1);
            if (parts.length != 2 || !parts[0].matches("\\d{1,6}") || !parts[1].matches("\\d{1,6}")) {
                throw new TypeConversionException("\"%s\" is not a size; write WIDTHxHEIGHT, such as 720x480"
                        .formatted(text));
            }
            return new PictureSize(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
        }
    }
}
