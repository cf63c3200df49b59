// What stands between the products of a machine with units of 0 and 1 on both sides.

#include "../../backend/philox.cu"

#define THREADS 256
#define SPAN (16 * THREADS)  // numbers of a block: 16 bits of each of the words that a thread draws
#define COLUMNS 32
#define LANES 8

template <class T> __device__ inline T sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }

// x = x + bias, and 1 with the probability sigmoid(x), else 0; as ctx.events decides it.
// grid: SPAN numbers of a member, members
template <class T>
__device__ inline void sample(T *x, const T *bias, long long bias_stride, T *state, long long count, int n,
                              const word *keys, const word *clock, word site) {
    __shared__ word words[4 * THREADS];
    long long start = (long long)blockIdx.x * SPAN, member = blockIdx.y;
    const word *key = keys + 2 * member;
    philox_share(words, start, key, clock[0], site);
    for (int i = threadIdx.x; i < SPAN && start + i < count; i += THREADS) {
        long long element = start + i, place = member * count + element;
        T input = x[place];
        if (bias) x[place] = input = input + bias[member * bias_stride + element % n];
        unsigned bits = philox_bits(words, i);
        T expected = sigmoid(input) * T(65536);
        state[place] = T(philox_event((double)expected, bits, element, clock[0], site, key));
    }
}

// One side of the statistics: for 32 units, the states of data and model below each other, centred and weighted, the
// mean of the data, and by how much that of the model is larger.
template <class T>
__device__ inline void side(const T *data, const T *model, const T *data_bias, const T *model_bias, const T *offset,
                            T *stacked, T *mean, T *difference, int samples, int chains, int n, int tile, bool hidden) {
    __shared__ T sums[2][LANES][COLUMNS];
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS, column = tile * COLUMNS + across;
    bool inside = column < n;
    T sum = T(0), model_sum = T(0), middle = inside && offset ? offset[column] : T(0);
    for (int row = lane; inside && row < samples + chains; row += LANES) {
        bool seen = row < samples;
        T value = seen ? data[(long long)row * n + column] : model[(long long)(row - samples) * n + column];
        const T *bias = seen ? data_bias : model_bias;
        if (hidden) value = sigmoid(bias ? value + bias[column] : value);
        if (seen) sum += value;
        else model_sum += value;
        T apart = value - middle;
        if (hidden) apart = seen ? -apart / T(samples) : apart / T(chains);
        stacked[(long long)row * n + column] = apart;
    }
    sums[0][lane][across] = sum;
    sums[1][lane][across] = model_sum;
    __syncthreads();
    if (lane || !inside) return;
    for (int other = 1; other < LANES; ++other) {
        sum += sums[0][other][across];
        model_sum += sums[1][other][across];
    }
    sum /= T(samples);
    mean[column] = sum;
    difference[column] = model_sum / T(chains) - sum;
}

// grid: 32 visible units each, then 32 hidden ones each; members.  `x` are inputs of the hidden units; where they lack
// the bias it is given.
template <class T>
__device__ inline void statistics(const T *v, const T *v_model, const T *x, const T *x_model, const T *bias,
                                  int data_lacks, int model_lacks, const T *mu, const T *nu, long long stride,
                                  int centres, T *stacked_v, T *stacked_h, T *v_mean, T *h_mean, long long mean_stride,
                                  T *v_difference, T *h_difference, int samples, int chains, int visible, int hidden) {
    int tiles = (visible + COLUMNS - 1) / COLUMNS, member = blockIdx.y;
    long long rows = samples + chains, data = (long long)member * samples, model = (long long)member * chains;
    if ((int)blockIdx.x < tiles) {
        side<T>(v + data * visible, v_model + model * visible, nullptr, nullptr,
                centres ? mu + member * stride : nullptr, stacked_v + member * rows * visible,
                v_mean + member * mean_stride, v_difference + (long long)member * visible, samples, chains, visible,
                blockIdx.x, false);
        return;
    }
    const T *own = bias + member * stride;
    side<T>(x + data * hidden, x_model + model * hidden, data_lacks ? own : nullptr, model_lacks ? own : nullptr,
            centres ? nu + member * stride : nullptr, stacked_h + member * rows * hidden, h_mean + member * mean_stride,
            h_difference + (long long)member * hidden, samples, chains, hidden, blockIdx.x - tiles, true);
}

// The gradients of the biases: differences of means, less what the slope of the weights gives at the other side's offsets.
// grid: 8 visible units each, then 32 hidden ones each; members
template <class T>
__device__ inline void biases(const T *slope, long long slope_stride, const T *v_difference, const T *h_difference,
                              const T *mu, const T *nu, long long stride, int centres, T *b, T *c,
                              long long out_stride, int visible, int hidden) {
    __shared__ T sums[LANES][COLUMNS];
    int blocks = (visible + LANES - 1) / LANES, member = blockIdx.y;
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS;
    const T *w = slope + member * slope_stride;
    bool of_visible = (int)blockIdx.x < blocks;
    int row = blockIdx.x * LANES + lane, column = ((int)blockIdx.x - blocks) * COLUMNS + across;
    T sum = T(0);
    if (of_visible) {
        const T *offset = nu + member * stride;
        for (int j = across; centres && row < visible && j < hidden; j += COLUMNS)
            sum += w[(long long)row * hidden + j] * offset[j];
    } else {
        const T *offset = mu + member * stride;
        for (int i = lane; centres && column < hidden && i < visible; i += LANES)
            sum += w[(long long)i * hidden + column] * offset[i];
    }
    sums[lane][across] = sum;
    __syncthreads();
    sum = T(0);
    if (of_visible) {
        if (across || row >= visible) return;
        for (int other = 0; other < COLUMNS; ++other) sum += sums[lane][other];
        b[member * out_stride + row] = v_difference[(long long)member * visible + row] - sum;
    } else {
        if (lane || column >= hidden) return;
        for (int other = 0; other < LANES; ++other) sum += sums[other][across];
        c[member * out_stride + column] = h_difference[(long long)member * hidden + column] - sum;
    }
}

// - (v b + sum of softplus(x)), a block for each sample.
// grid: samples, members
template <class T>
__device__ inline void free_energy(const T *v, const T *x, const T *b, const T *c, long long stride, int lacks,
                                   T *energy, int visible, int hidden) {
    __shared__ T sums[THREADS];
    long long row = (long long)blockIdx.y * gridDim.x + blockIdx.x;
    T sum = T(0);
    for (int i = threadIdx.x; i < visible; i += THREADS) sum += v[row * visible + i] * b[blockIdx.y * stride + i];
    for (int j = threadIdx.x; j < hidden; j += THREADS) {
        T input = x[row * hidden + j];
        if (lacks) input += c[blockIdx.y * stride + j];
        sum += (input < T(0) ? T(0) : input) + log1p(exp(-fabs(input)));
    }
    sums[threadIdx.x] = sum;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) energy[row] = -sums[0];
}

#define KERNELS(T, NAME)                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) sample_##NAME(                                               \
        T *x, const T *bias, long long bias_stride, int has_bias, T *state, long long count, int n,                \
        const word *keys, const word *clock, word site) {                                                          \
        sample<T>(x, has_bias ? bias : nullptr, bias_stride, state, count, n, keys, clock, site);                  \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) statistics_##NAME(                                           \
        const T *v, const T *v_model, const T *x, const T *x_model, const T *bias, int data_lacks,                 \
        int model_lacks, const T *mu, const T *nu, long long stride, int centres, T *stacked_v, T *stacked_h,      \
        T *v_mean, T *h_mean, long long mean_stride, T *v_difference, T *h_difference, int samples, int chains,    \
        int visible, int hidden) {                                                                                 \
        statistics<T>(v, v_model, x, x_model, bias, data_lacks, model_lacks, mu, nu, stride, centres, stacked_v,   \
                      stacked_h, v_mean, h_mean, mean_stride, v_difference, h_difference, samples, chains,         \
                      visible, hidden);                                                                            \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) biases_##NAME(                                               \
        const T *slope, long long slope_stride, const T *v_difference, const T *h_difference, const T *mu,         \
        const T *nu, long long stride, int centres, T *b, T *c, long long out_stride, int visible, int hidden) {   \
        biases<T>(slope, slope_stride, v_difference, h_difference, mu, nu, stride, centres, b, c, out_stride,      \
                  visible, hidden);                                                                                \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) free_energy_##NAME(                                          \
        const T *v, const T *x, const T *b, const T *c, long long stride, int lacks, T *energy, int visible,       \
        int hidden) {                                                                                              \
        free_energy<T>(v, x, b, c, stride, lacks, energy, visible, hidden);                                        \
    }

KERNELS(float, float)
KERNELS(double, double)
