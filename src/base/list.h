/*
 * Intrusive doubly linked lists: a state of an object is the list it is on.
 * A head and an unlinked node point at themselves.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* The object that holds `node` as its `member`. */
#define LIST_OBJ(node, type, member)                                           \
	((type *)(void *)((char *)(node)-offsetof(type, member)))
#define LIST_EACH(n, head)                                                     \
	for (struct list *n = (head)->next; n != (head); n = n->next)
/* The current node may be removed (and freed) inside the loop. */
#define LIST_EACH_SAFE(n, head)                                                \
	for (struct list *n = (head)->next, *n##_next = n->next; n != (head);  \
	     n = n##_next, n##_next = n->next)

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* In front of all others: what was used last is taken first, while it is still
   in the processor's cache. */
static inline void
list_push(struct list *head, struct list *node)
{
	list_append(head->next, node);
}

/* Takes the node off its list; harmless on an unlinked node. */
static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = node;
}

/* First node, taken off the list; NULL when the list is empty. */
static inline struct list *
list_shift(struct list *head)
{
	struct list *node = head->next;

	if (node == head)
		return NULL;
	list_remove(node);
	return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void
list_move_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#endif
