/* Memory for the next buffer. See http_spares.h. */
#include "http/http_spares.h"

void
http_spares_take(struct http_spares *s, struct buf *b)
{
	b->data =
	    s->count > 0 ? s->memory[--s->count] : xmalloc(HTTP_SPARE_BYTES);
	b->size = HTTP_SPARE_BYTES;
}

void
http_spares_give(struct http_spares *s, struct buf *b)
{
	if (b->size == HTTP_SPARE_BYTES && s->count < HTTP_SPARES)
		s->memory[s->count++] = buf_take(b, NULL);
	else
		buf_fini(b);
	buf_clear(b);
}

void
http_spares_fini(struct http_spares *s)
{
	while (s->count > 0)
		free(s->memory[--s->count]);
}
