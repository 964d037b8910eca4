/// What a prompt becomes before a video network reads it. Text and published tokenizer files enter; token ids,
/// attention masks and the words that did not fit leave, and text features [B, L, D] of the published encoders. Start
/// with [Tokenizer]; [Tokenizers] reads a tokenizer folder.
@NullMarked
package org.zoetrope.models.text;

import org.jspecify.annotations.NullMarked;
