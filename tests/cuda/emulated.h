// CUDA C++ as C++ on a CPU: blocks follow each other, the threads of a block are fibers that take turns at barriers, in
// the order that a test asks for.  Shared memory begins every block full of NaN, as an outcome must not depend on what
// was there before.  Not modelled: divergent barriers, warps, memory ordering between blocks, alignment of vectors.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#define __CUDACC__ 1
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static

struct Place { unsigned x, y, z; };
static Place threadIdx, blockIdx, blockDim, gridDim;

template <class A, class B> inline auto min(A a, B b) { return a < b ? a : b; }
template <class A, class B> inline auto max(A a, B b) { return a < b ? b : a; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}

// Where the arrays of shared memory lie, and their sizes, as the symbol table tells.
static std::vector<std::pair<void *, size_t>> shared_arrays;
extern "C" void share(void *array, size_t size) { shared_arrays.push_back({array, size}); }

enum Order : unsigned { FORWARD_ORDER, BACKWARD_ORDER, SHUFFLED_ORDER };

struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack{new char[1 << 16]};
    Place place;
    bool done;
};
static std::vector<Fiber> fibers;
static ucontext_t scheduler;
static Fiber *running;
static void (*body)(void *);
static void *body_argument;

static void begin_fiber() {
    body(body_argument);
    running->done = true;
    swapcontext(&running->context, &scheduler);
}

static inline void __syncthreads() {
    swapcontext(&running->context, &scheduler);
    threadIdx = running->place;
}

static void run_block(unsigned order, uint64_t &state) {
    unsigned count = blockDim.x * blockDim.y * blockDim.z;
    for (auto &[array, size] : shared_arrays) std::memset(array, 0xff, size);
    if (fibers.size() < count) fibers.resize(count);
    std::vector<unsigned> turns(count);
    for (unsigned i = 0; i < count; ++i) {
        turns[i] = order == BACKWARD_ORDER ? count - 1 - i : i;
        Fiber &fiber = fibers[i];
        fiber.done = false;
        fiber.place = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = 1 << 16;
        fiber.context.uc_link = &scheduler;
        makecontext(&fiber.context, begin_fiber, 0);
    }
    for (bool left = true; left;) {
        left = false;
        for (unsigned i = count; order == SHUFFLED_ORDER && i > 1; --i) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            std::swap(turns[i - 1], turns[(state >> 33) % i]);
        }
        for (unsigned turn : turns) {
            running = &fibers[turn];
            if (running->done) continue;
            threadIdx = running->place;
            swapcontext(&scheduler, &running->context);
            left = true;
        }
    }
}

template <class... A, size_t... I>
static void call(void (*function)(A...), void **given, std::index_sequence<I...>) {
    function(*(std::remove_cv_t<A> *)given[I]...);
}

// Runs a kernel over a grid; `given` points to each argument.
template <class... A>
static void launch(void (*function)(A...), const unsigned *grid, const unsigned *block, void **given, unsigned order) {
    auto bound = [&] { call(function, given, std::index_sequence_for<A...>()); };
    body = [](void *argument) { (*(decltype(bound) *)argument)(); };
    body_argument = &bound;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    uint64_t state = 1;
    for (unsigned z = 0; z < grid[2]; ++z)
        for (unsigned y = 0; y < grid[1]; ++y)
            for (unsigned x = 0; x < grid[0]; ++x) {
                blockIdx = {x, y, z};
                run_block(order, state);
            }
}
