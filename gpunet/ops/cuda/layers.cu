// What stands between the products of a network: bias, activation and dropout in one pass, and the way back.

#include "../../backend/philox.cu"

#define THREADS 256
#define SPAN (16 * THREADS)  // numbers of a block: 16 bits of each of the words that a thread draws
#define COLUMNS 32
#define LANES 8

enum Activation { IDENTITY, RELU, LEAKY_RELU, SIGMOID, TANH, SOFTPLUS };

template <class T> __device__ inline T sigmoid(T x, int numerics) {
    return numerics == 1 ? (T(1) + tanh(x * T(0.5))) * T(0.5) : T(1) / (T(1) + exp(-x));
}

// y = f(x), and the slope there; `number` is the slope of ReLU at 0, or that of LeakyReLU below it.
template <class T> __device__ inline void activate(int kind, T number, int numerics, T x, T &y, T &slope) {
    y = x;
    slope = T(1);
    if (kind == RELU) {
        y = x < T(0) ? T(0) : x;  // NaN stays
        slope = x > T(0) ? T(1) : x == T(0) ? number : T(0);
    } else if (kind == LEAKY_RELU) {
        T low = x * number;
        y = x < low ? low : x;
        slope = x > T(0) ? T(1) : number;
    } else if (kind == SIGMOID) {
        y = sigmoid(x, numerics);
        slope = y * (T(1) - y);
    } else if (kind == TANH) {
        y = tanh(x);
        slope = T(1) - y * y;
    } else if (kind == SOFTPLUS) {
        y = (x < T(0) ? T(0) : x) + log1p(exp(-fabs(x)));
        slope = sigmoid(x, numerics);
    }
}

// h = f(x + bias) times the mask of dropout, and the slope of h; `expected` is 65536 times the rate.  x may be h or slope.
// Each number is dropped as ctx.dropped decides it: the bits of a member are those of its row of words.
// grid: SPAN numbers of a member, members
template <class T>
__device__ inline void forward(const T *x, const T *bias, long long bias_stride, T *h, T *slope, long long count, int n, int kind, T number,
                               int numerics, double expected, T kept, const word *keys, const word *clock, word site) {
    __shared__ word words[4 * THREADS];
    long long start = (long long)blockIdx.x * SPAN, member = blockIdx.y;
    const word *key = keys + 2 * member;
    if (expected > 0) philox_share(words, start, key, clock[0], site);
    for (int i = threadIdx.x; i < SPAN && start + i < count; i += THREADS) {
        long long element = start + i, place = member * count + element;
        T y, dy;
        activate(kind, number, numerics, bias ? x[place] + bias[member * bias_stride + element % n] : x[place], y, dy);
        T factor = kept;
        if (expected > 0) {
            unsigned bits = philox_bits(words, i);
            if (philox_event(expected, bits, element, clock[0], site, key)) factor = T(0);
        }
        if (slope) slope[place] = dy * factor;
        h[place] = y * factor;
    }
}

// dy = dy slope, and the sum of that over the rows.
// grid: columns / 32, members; block: 256 as 32 columns and 8 rows
template <class T>
__device__ inline void backward(T *dy, const T *slope, T *sums, long long sums_stride, long long rows, int n) {
    __shared__ T parts[LANES][COLUMNS];
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS, column = blockIdx.x * COLUMNS + across;
    T sum = T(0);
    for (long long row = lane; column < n && row < rows; row += LANES) {
        long long place = (blockIdx.y * rows + row) * n + column;
        T one = dy[place];
        if (slope) {
            one *= slope[place];
            dy[place] = one;
        }
        sum += one;
    }
    parts[lane][across] = sum;
    __syncthreads();
    if (!sums || lane || column >= n) return;
    for (int other = 1; other < LANES; ++other) sum += parts[other][across];
    sums[blockIdx.y * sums_stride + column] = sum;
}

#define KERNELS(T, NAME)                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) forward_##NAME(                                              \
        const T *x, const T *bias, long long bias_stride, int has_bias, T *h, T *slope, int has_slope,             \
        long long count, int n, int kind, T number, int numerics, double expected, T kept, const word *keys, const word *clock, word site) {         \
        forward<T>(x, has_bias ? bias : nullptr, bias_stride, h, has_slope ? slope : nullptr, count, n, kind, number, numerics, \
                   expected, kept, keys, clock, site);                                                             \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) backward_##NAME(T *dy, const T *slope, int has_slope,        \
                                                                      T *sums, long long sums_stride,              \
                                                                      int has_sums, long long rows, int n) {       \
        backward<T>(dy, has_slope ? slope : nullptr, has_sums ? sums : nullptr, sums_stride, rows, n);                          \
    }

KERNELS(float, float)
KERNELS(double, double)
