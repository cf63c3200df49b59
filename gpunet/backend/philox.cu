// Philox4x64-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; SC 2011), word for word as
// numpy.random.Philox computes it: NumPy raises the counter before each block, so block b of a call uses b + 1.
// This text is also compiled as C by a test and compared with NumPy, so it keeps to what both languages share.

#ifdef __CUDACC__
#define GPUNET_DEVICE __device__ static inline
#define GPUNET_HIGH(a, b) __umul64hi((a), (b))
#else
#define GPUNET_DEVICE static inline
#define GPUNET_HIGH(a, b) ((unsigned long long)(((unsigned __int128)(a) * (b)) >> 64))
#endif

typedef unsigned long long word;

GPUNET_DEVICE void philox_block(word c0, word c1, word c2, word c3, word k0, word k1, word out[4]) {
    for (int round = 0; round < 10; ++round) {
        word low0 = 0xD2E7470EE14C6C93ULL * c0, high0 = GPUNET_HIGH(0xD2E7470EE14C6C93ULL, c0);
        word low1 = 0xCA5A826395121157ULL * c2, high1 = GPUNET_HIGH(0xCA5A826395121157ULL, c2);
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B97F4A7C15ULL;
        k1 += 0xBB67AE8584CAA73BULL;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

// Words 4 * block .. 4 * block + 3 of one member's row.
GPUNET_DEVICE void philox_fill(word *row, long long words, long long block, word step, word site, word phase,
                               const word *key) {
    word out[4];
    philox_block((word)block + 1, step, site, phase, key[0], key[1], out);
    for (int lane = 0; lane < 4; ++lane)
        if (4 * block + lane < words) row[4 * block + lane] = out[lane];
}

// What one thread does to fill the rows of a batch: four words of the row of one sample, whose number is in the counter.
GPUNET_DEVICE void philox_sample(word *out, long long words, long long rows, long long per_member, const word *keys,
                                 word epoch, const long long *samples, word site, long long thread) {
    long long blocks = (words + 3) / 4, row = thread / blocks;
    if (row < rows)
        philox_fill(out + row * words, words, thread % blocks, epoch, (word)samples[row], site,
                    keys + 2 * (row / per_member));
}

// Whether an event happens whose probability is expected / 65536, given the first 16 bits of its uniform number: where
// they leave it open, the 53 further ones of phase 1 decide; element i of a member has word i of that phase.
GPUNET_DEVICE int philox_event(double expected, unsigned bits, long long element, word step, word site,
                               const word *key) {
    double left = expected - bits;
    if (left <= 0 || left >= 1) return left > 0;
    word out[4];
    philox_block((word)(element / 4) + 1, step, site, 1, key[0], key[1], out);
    return (double)(out[element % 4] >> 11) * 0x1p-53 < left;
}

#ifdef __CUDACC__
// The words that hold 16 bits for each of 4096 numbers from `start` on, for a block of 256 threads that all come here:
// each draws four of them for all, and none goes on before the others have.
__device__ inline void philox_share(word *words, long long start, const word *key, word clock, word site) {
    word drawn[4];
    philox_block((word)(start / 16 + threadIdx.x) + 1, clock, site, 0, key[0], key[1], drawn);
    for (int lane = 0; lane < 4; ++lane) words[4 * threadIdx.x + lane] = drawn[lane];
    __syncthreads();
}

// The 16 bits of a number among those that share words.
__device__ inline unsigned philox_bits(const word *words, int number) {
    return (unsigned)(words[number / 4] >> (16 * (number % 4))) & 0xffffu;
}

#ifndef GPUNET_INCLUDED  // who includes this wants none of its kernels
// Grid: x covers the blocks of four words of a row, y the members.  `clock` is read on the device, so that a captured
// launch draws new numbers at each replay.
extern "C" __global__ void philox_words(word *out, long long words, long long stride, const word *keys,
                                        const word *clock, word site, word phase) {
    long long block = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (4 * block < words)
        philox_fill(out + blockIdx.y * stride, words, block, clock[0], site, phase, keys + 2 * blockIdx.y);
}

extern "C" __global__ void philox_sample_words(word *out, long long words, long long rows, long long per_member,
                                               const word *keys, const word *epoch, const long long *samples,
                                               word site) {
    philox_sample(out, words, rows, per_member, keys, epoch[0], samples, site,
                  (long long)blockIdx.x * blockDim.x + threadIdx.x);
}

// Grid: x covers the elements of a member, y the members.  Rows of bits lie stride apart.
#define GPUNET_EVENTS(name, declared, value)                                                                       \
    extern "C" __global__ void name(bool *out, long long per_member, long long stride, const unsigned short *bits, \
                                    declared, const word *keys, const word *clock, word site) {                    \
        long long element = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                      \
        long long place = blockIdx.y * per_member + element;                                                       \
        if (element < per_member)                                                                                  \
            out[place] = philox_event(value, bits[blockIdx.y * stride + element], element, clock[0], site,         \
                                      keys + 2 * blockIdx.y);                                                      \
    }
GPUNET_EVENTS(events_of_floats, const float *expected, expected[place])
GPUNET_EVENTS(events_of_doubles, const double *expected, expected[place])
GPUNET_EVENTS(events_of_one, double expected, expected)

// 1 with each probability, else 0, in its place; each block draws the first bits of 4096 numbers for itself.
// Grid: x covers 4096 numbers of a member each, y the members; block: 256.
#define GPUNET_HAPPEN(name, T)                                                                                     \
    extern "C" __global__ void __launch_bounds__(256) name(T *probability, long long per_member, const word *keys, \
                                                           const word *clock, word site) {                         \
        __shared__ word words[1024];                                                                               \
        long long start = (long long)blockIdx.x * 4096;                                                            \
        const word *key = keys + 2 * blockIdx.y;                                                                   \
        philox_share(words, start, key, clock[0], site);                                                           \
        for (int i = threadIdx.x; i < 4096 && start + i < per_member; i += 256) {                                  \
            T *one = probability + blockIdx.y * per_member + start + i;                                            \
            unsigned bits = philox_bits(words, i);                                                                 \
            *one = T(philox_event((double)(*one * T(65536)), bits, start + i, clock[0], site, key));               \
        }                                                                                                          \
    }
GPUNET_HAPPEN(happen_float, float)
GPUNET_HAPPEN(happen_double, double)
#endif
#endif
