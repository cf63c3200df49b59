// Blocks follow each other, the threads of a block are fibers that take turns at barriers, both in the order that a test
// asks for.  Shared memory begins every block full of NaN, as an outcome must not depend on what was there before.  Not
// modelled: warps, memory ordering between blocks, alignment of vectors.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <memory>

static Place threadIdx;

// Where the arrays of shared memory lie, and their sizes, as the symbol table tells.
static std::vector<std::pair<void *, size_t>> shared_arrays;
extern "C" void share(void *array, size_t size) { shared_arrays.push_back({array, size}); }

enum Order : unsigned { FORWARD_ORDER, BACKWARD_ORDER, SHUFFLED_ORDER };

// A fiber begins by its context, and then goes on by jumps, which ask nothing of the system.
struct Fiber {
    ucontext_t context;
    jmp_buf state;
    bool fresh;
    std::unique_ptr<char[]> stack{new char[1 << 16]};
    Place place;
    bool done;
};
static std::vector<std::unique_ptr<Fiber>> fibers;
static ucontext_t scheduler;
static jmp_buf scheduler_state;
static Fiber *running;
static void (*body)(void *);
static void *body_argument;
static std::vector<unsigned> turns;  // the threads of a block in the order in which they begin
static size_t begun;

// Threads begin one after the other on one fiber; where one waits at a barrier, another fiber goes on with the rest.
static void begin_fiber() {
    while (begun < turns.size()) {
        unsigned i = turns[begun++];
        running->place = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
        threadIdx = running->place;
        body(body_argument);
    }
    running->done = true;
    _longjmp(scheduler_state, 1);
}

static void __attribute__((noinline)) resume(Fiber *fiber) {
    running = fiber;
    if (_setjmp(scheduler_state)) return;
    if (!fiber->fresh) _longjmp(fiber->state, 1);
    fiber->fresh = false;
    setcontext(&fiber->context);
}

static void __attribute__((noinline)) __syncthreads() {
    Fiber *own = running;
    if (!_setjmp(own->state)) _longjmp(scheduler_state, 1);
    threadIdx = own->place;
}

static uint64_t next_random(uint64_t &state) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return state >> 33;
}

template <class T>
static void arrange(std::vector<T> &items, unsigned order, uint64_t &state) {
    for (size_t i = items.size(); order == SHUFFLED_ORDER && i > 1; --i)
        std::swap(items[i - 1], items[next_random(state) % i]);
}

// Returns whether some threads waited at a barrier that others did not come to.
static bool run_block(unsigned order, uint64_t &state) {
    unsigned count = blockDim.x * blockDim.y * blockDim.z;
    for (auto &[array, size] : shared_arrays) std::memset(array, 0xff, size);
    turns.resize(count);
    for (unsigned i = 0; i < count; ++i) turns[i] = order == BACKWARD_ORDER ? count - 1 - i : i;
    arrange(turns, order, state);
    begun = 0;
    std::vector<Fiber *> waiting;
    for (size_t used = 0; begun < count; ++used) {
        if (used == fibers.size()) fibers.push_back(std::make_unique<Fiber>());
        running = fibers[used].get();
        running->done = false;
        running->fresh = true;
        getcontext(&running->context);
        running->context.uc_stack.ss_sp = running->stack.get();
        running->context.uc_stack.ss_size = 1 << 16;
        running->context.uc_link = &scheduler;
        makecontext(&running->context, begin_fiber, 0);
        resume(running);
        if (!running->done) waiting.push_back(running);
    }
    bool apart = false;
    while (!waiting.empty()) {
        apart |= waiting.size() != count;
        arrange(waiting, order, state);
        std::vector<Fiber *> left;
        for (Fiber *fiber : waiting) {
            resume(fiber);
            if (!fiber->done) left.push_back(fiber);
        }
        waiting.swap(left);
    }
    return apart;
}

// Runs a kernel over a grid, its blocks in the same kind of order as their threads; `given` points to each argument.
// Returns whether threads of a block parted at a barrier.
template <class... A>
static bool launch(void (*function)(A...), const unsigned *grid, const unsigned *block, void **given, unsigned order) {
    auto bound = [&] { call(function, given, std::index_sequence_for<A...>()); };
    body = [](void *argument) { (*(decltype(bound) *)argument)(); };
    body_argument = &bound;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    uint64_t state = 1;
    std::vector<Place> blocks;
    for (unsigned z = 0; z < grid[2]; ++z)
        for (unsigned y = 0; y < grid[1]; ++y)
            for (unsigned x = 0; x < grid[0]; ++x) blocks.push_back({x, y, z});
    if (order == BACKWARD_ORDER) std::reverse(blocks.begin(), blocks.end());
    arrange(blocks, order, state);
    bool apart = false;
    for (Place place : blocks) {
        blockIdx = place;
        apart |= run_block(order, state);
    }
    return apart;
}
