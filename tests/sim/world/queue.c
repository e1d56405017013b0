/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap over slots. A ticket is slot and generation, so that a ticket that is over never
 * hits who got the slot after it.
 */
#include "tests/sim/world/queue.h"

#include <stdlib.h>

enum {
    SLOTS_MIN = 1024,
};

struct slot {
    int64_t at_ms;
    uint64_t rank; /* among what is due at once: by chance */
    sim_fn fn;
    void *userdata;
    uint64_t argument;
    uint32_t generation;
    uint32_t place; /* in the heap, from 1; 0 = free */
    uint32_t next_free;
};

static struct {
    struct slot *slots;
    uint32_t *heap; /* slots, from place 1 */
    uint32_t slot_count, capacity, count, first_free;
    int64_t now_ms;
} queue;

void sim_queue_open(void)
{
    queue.capacity = SLOTS_MIN;
    queue.slots = calloc(queue.capacity, sizeof(*queue.slots));
    queue.heap = calloc((size_t)queue.capacity + 1, sizeof(*queue.heap));
    if (queue.slots == NULL || queue.heap == NULL)
        sim_broken("no memory for the queue");
    queue.slot_count = 1; /* slot 0 is none */
    queue.count = 0;
    queue.first_free = 0;
    queue.now_ms = 0;
}

void sim_queue_close(void)
{
    free(queue.slots);
    free(queue.heap);
    queue.slots = NULL;
    queue.heap = NULL;
}

uint32_t sim_queue_count(void)
{
    return queue.count;
}

int64_t sim_now_ms(void)
{
    return queue.now_ms;
}

void sim_queue_wait(int64_t until_ms)
{
    if (until_ms > queue.now_ms)
        queue.now_ms = until_ms;
}

static bool is_before(uint32_t a, uint32_t b)
{
    const struct slot *x = &queue.slots[a], *y = &queue.slots[b];

    return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->rank < y->rank;
}

static void put(uint32_t place, uint32_t slot)
{
    queue.heap[place] = slot;
    queue.slots[slot].place = place;
}

static void sift_up(uint32_t place)
{
    uint32_t slot = queue.heap[place];

    while (place > 1 && is_before(slot, queue.heap[place / 2])) {
        put(place, queue.heap[place / 2]);
        place /= 2;
    }
    put(place, slot);
}

static void sift_down(uint32_t place)
{
    uint32_t slot = queue.heap[place];

    for (;;) {
        uint32_t child = 2 * place;

        if (child > queue.count)
            break;
        if (child < queue.count && is_before(queue.heap[child + 1], queue.heap[child]))
            child++;
        if (!is_before(queue.heap[child], slot))
            break;
        put(place, queue.heap[child]);
        place = child;
    }
    put(place, slot);
}

static void grow(void)
{
    uint32_t capacity = 2 * queue.capacity;
    struct slot *slots = reallocarray(queue.slots, capacity, sizeof(*slots));
    uint32_t *heap = reallocarray(queue.heap, (size_t)capacity + 1, sizeof(*heap));

    if (slots == NULL || heap == NULL)
        sim_broken("no memory for the queue");
    queue.slots = slots;
    queue.heap = heap;
    queue.capacity = capacity;
}

static uint32_t take_slot(void)
{
    uint32_t slot = queue.first_free;

    if (slot != 0) {
        queue.first_free = queue.slots[slot].next_free;
        return slot;
    }
    if (queue.slot_count == queue.capacity)
        grow();
    slot = queue.slot_count++;
    queue.slots[slot] = (struct slot){.generation = 0};

    return slot;
}

static void drop(uint32_t place)
{
    uint32_t slot = queue.heap[place], last = queue.heap[queue.count--];

    if (place <= queue.count) {
        put(place, last);
        sift_up(place);
        sift_down(queue.slots[last].place);
    }
    queue.slots[slot].place = 0;
    queue.slots[slot].generation++;
    queue.slots[slot].next_free = queue.first_free;
    queue.first_free = slot;
}

sim_ticket sim_at(int64_t at_ms, sim_fn fn, void *userdata, uint64_t argument)
{
    uint32_t slot = take_slot();
    struct slot *s = &queue.slots[slot];

    s->at_ms = at_ms > queue.now_ms ? at_ms : queue.now_ms;
    s->rank = sim_draw(SIM_DRAW_ORDER, SIM_CONTROLLER);
    s->fn = fn;
    s->userdata = userdata;
    s->argument = argument;
    put(++queue.count, slot);
    sift_up(queue.count);

    return (uint64_t)s->generation << 32 | slot;
}

sim_ticket sim_after(int64_t delay_ms, sim_fn fn, void *userdata, uint64_t argument)
{
    return sim_at(delay_ms > SIM_NEVER - queue.now_ms ? SIM_NEVER : queue.now_ms + delay_ms, fn,
                  userdata, argument);
}

void sim_cancel(sim_ticket *ticket)
{
    uint32_t slot = (uint32_t)*ticket, generation = (uint32_t)(*ticket >> 32);

    if (*ticket != 0 && queue.slots[slot].generation == generation && queue.slots[slot].place != 0)
        drop(queue.slots[slot].place);
    *ticket = 0;
}

bool sim_queue_pass(int64_t until_ms)
{
    struct slot next;

    if (queue.count == 0)
        return false;
    next = queue.slots[queue.heap[1]];
    if (next.at_ms > until_ms)
        return false;
    drop(1);
    queue.now_ms = next.at_ms;
    sim_fold((uint64_t)next.at_ms, next.argument);
    next.fn(next.userdata, next.argument);

    return true;
}
