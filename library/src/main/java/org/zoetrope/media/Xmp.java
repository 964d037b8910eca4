package org.zoetrope.media;

import java.util.Optional;
import java.util.regex.Pattern;

/// The description (`dc:description`) of an XMP packet, which is where WebP keeps a comment.
final class Xmp {
    private static final Pattern DESCRIPTION = Pattern.compile(
            "<dc:description>\\s*<rdf:Alt>\\s*<rdf:li[^>]*>(.*?)</rdf:li>", Pattern.DOTALL);

    private Xmp() {}

    static String packet(String description) {
        return """
                <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
                <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>\
                <rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF>\
                </x:xmpmeta>""".formatted(
                description.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"));
    }

    static Optional<String> description(String packet) {
        var found = DESCRIPTION.matcher(packet);
        return found.find()
                ? Optional.of(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
                        .replace("&apos;", "'").replace("&amp;", "&"))
                : Optional.empty();
    }
}
