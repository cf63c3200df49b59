// Normalisation of each feature over the rows of a batch: a block of 32 features and 8 lanes of rows.

#define COLUMNS 32
#define LANES 8

// Sum over the lanes of a block for each of its columns, the same for all lanes.
template <class T> __device__ inline T lanes_sum(T value) {
    __shared__ T parts[LANES][COLUMNS];
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS;
    __syncthreads();  // until all have read the last one
    parts[lane][across] = value;
    __syncthreads();
    T sum = T(0);
    for (int other = 0; other < LANES; ++other) sum += parts[other][across];
    return sum;
}

// normal = (x - mean) / sqrt(variance + epsilon), y = normal scale + shift; with what running statistics observe.
// grid: columns / 32, members
template <class T>
__device__ inline void forward(const T *x, const T *scale, const T *shift, long long stride, T *normal, T *y,
                               T *inverse, T *mean, T *variance, long long seen_stride, int rows, int n, T epsilon,
                               T unbiased, T correction) {
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS, column = blockIdx.x * COLUMNS + across;
    long long member = blockIdx.y, base = member * rows * n + column;
    bool inside = column < n;
    T sum = T(0);
    for (int row = lane; inside && row < rows; row += LANES) sum += x[base + (long long)row * n];
    T middle = lanes_sum(sum) / T(rows);
    sum = T(0);
    for (int row = lane; inside && row < rows; row += LANES) {
        T apart = x[base + (long long)row * n] - middle;
        sum += apart * apart;
    }
    T spread = lanes_sum(sum) / T(rows);
    if (!inside) return;
    T factor = T(1) / sqrt(spread * correction + epsilon);
    T own_scale = scale[member * stride + column], own_shift = shift[member * stride + column];
    for (int row = lane; row < rows; row += LANES) {
        long long place = base + (long long)row * n;
        T one = (x[place] - middle) * factor;
        normal[place] = one;
        y[place] = one * own_scale + own_shift;
    }
    if (lane) return;
    inverse[member * n + column] = factor;
    mean[member * seen_stride + column] = middle;
    variance[member * seen_stride + column] = spread * unbiased;
}

// The gradients of scale and shift, and in place of dy that of x: dy without its projections on the constant and on normal.
// grid: columns / 32, members
template <class T>
__device__ inline void backward(T *dy, const T *normal, const T *scale, long long stride, const T *inverse, T *d_scale,
                                T *d_shift, long long out_stride, int rows, int n, T correction) {
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS, column = blockIdx.x * COLUMNS + across;
    long long member = blockIdx.y, base = member * rows * n + column;
    bool inside = column < n;
    T sum = T(0), product = T(0);
    for (int row = lane; inside && row < rows; row += LANES) {
        long long place = base + (long long)row * n;
        sum += dy[place];
        product += dy[place] * normal[place];
    }
    sum = lanes_sum(sum);
    product = lanes_sum(product);
    if (!inside) return;
    T factor = scale[member * stride + column] * inverse[member * n + column];
    T along = product / T(rows) * correction, middle = sum / T(rows);
    for (int row = lane; row < rows; row += LANES) {
        long long place = base + (long long)row * n;
        dy[place] = (dy[place] - (normal[place] * along + middle)) * factor;
    }
    if (lane) return;
    d_scale[member * out_stride + column] = product;
    d_shift[member * out_stride + column] = sum;
}

#define KERNELS(T, NAME)                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) forward_##NAME(                                              \
        const T *x, const T *scale, const T *shift, long long stride, T *normal, T *y, T *inverse, T *mean,        \
        T *variance, long long seen_stride, int rows, int n, T epsilon, T unbiased, T correction) {                \
        forward<T>(x, scale, shift, stride, normal, y, inverse, mean, variance, seen_stride, rows, n, epsilon,     \
                   unbiased, correction);                                                                          \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) backward_##NAME(                                             \
        T *dy, const T *normal, const T *scale, long long stride, const T *inverse, T *d_scale, T *d_shift,        \
        long long out_stride, int rows, int n, T correction) {                                                     \
        backward<T>(dy, normal, scale, stride, inverse, d_scale, d_shift, out_stride, rows, n, correction);        \
    }

KERNELS(float, float)
KERNELS(double, double)
