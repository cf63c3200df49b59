// Blocks follow each other, the threads of a block are threads of the processor, so that sanitizers see what they share.
// A program that runs one launch: it reads grid, block, memory and arguments from a file, and writes the memory to
// another.  Each piece of memory is an allocation of its own, with nothing of its own beside it.
#pragma once
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>

// Of its own for each thread, which goes from block to block.
#define blockIdx own_block
static thread_local Place threadIdx, own_block;
static pthread_barrier_t meeting, over;
static thread_local int met;                          // barriers of this block that the thread came to
static std::atomic<int> farthest{0}, ended{INT_MAX};  // the most that one came to, and those of one that is done

static void apart() {
    fprintf(stderr, "ERROR: threads of a block parted at a barrier\n");
    _exit(67);
}

static void __syncthreads() {
    if (++met > farthest.load()) farthest.store(met);
    if (met > ended.load()) apart();
    pthread_barrier_wait(&meeting);
}

template <class... A> static void launch(void (*function)(A...), void **given) {
    unsigned count = blockDim.x * blockDim.y * blockDim.z;
    pthread_barrier_init(&meeting, nullptr, count);
    pthread_barrier_init(&over, nullptr, count);
    auto blocks = [=](unsigned i) {
        threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
        for (unsigned z = 0; z < gridDim.z; ++z)
            for (unsigned y = 0; y < gridDim.y; ++y)
                for (unsigned x = 0; x < gridDim.x; ++x) {
                    own_block = {x, y, z};
                    met = 0;
                    call(function, given, std::index_sequence_for<A...>());
                    ended.store(met);
                    if (farthest.load() > met) apart();
                    pthread_barrier_wait(&over);
                    if (!i) farthest = 0, ended = INT_MAX;
                    pthread_barrier_wait(&over);
                }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count; ++i) threads.emplace_back(blocks, i);
    for (auto &thread : threads) thread.join();
}

using Launch = std::function<void(void **)>;

template <class T> static T taken(FILE *file) {
    T value;
    if (fread(&value, sizeof value, 1, file) != 1) abort();
    return value;
}

// The file: sizes of the grid and of a block, pieces of memory as length and bytes, then arguments as the number of a
// piece with a place in it, or as -1 with a length and bytes.
static int run_file(char **words, const std::map<std::string, Launch> &kernels) {
    FILE *file = fopen(words[2], "rb");
    gridDim = taken<Place>(file);
    blockDim = taken<Place>(file);
    std::vector<std::pair<char *, size_t>> pieces(taken<uint64_t>(file));
    for (auto &[memory, size] : pieces) {
        size = taken<uint64_t>(file);
        memory = (char *)malloc(size);
        if (size && fread(memory, 1, size, file) != size) abort();
    }
    std::vector<void *> given(taken<uint64_t>(file));
    for (auto &one : given) {
        int64_t piece = taken<int64_t>(file), place = taken<int64_t>(file);
        one = calloc(1, 16);
        if (piece >= 0)
            *(char **)one = pieces[piece].first + place;
        else if (fread(one, 1, place, file) != (size_t)place)
            abort();
    }
    fclose(file);
    kernels.at(words[1])(given.data());
    file = fopen(words[3], "wb");
    for (auto &[memory, size] : pieces) fwrite(memory, 1, size, file);
    return fclose(file);
}
