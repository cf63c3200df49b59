// Images read at other places than their pixels' own, which an affine map says.

// The two pixels beside a place along one side of an image; one beyond the edge has no weight.
template <class T>
struct Beside {
    int pixel[2];
    T weight[2];
};

template <class T>
__device__ inline Beside<T> beside(T place, int size) {
    T below = floor(place), above = place - below;
    // Far places would not fit the integer; just beyond the edge is as good.
    int first = (int)fmin(fmax(below, (T)-2), (T)size);
    Beside<T> found = {{first, first + 1}, {1 - above, above}};
    for (int i = 0; i < 2; ++i) {
        if (found.pixel[i] < 0 || found.pixel[i] >= size) found.weight[i] *= 0;
        found.pixel[i] = min(max(found.pixel[i], 0), size - 1);
    }
    return found;
}

// Bilinear interpolation.  A thread makes one pixel with all its channels.
// Grid: x covers the pixels of all images.  `own`: y and x are (images, height, width), otherwise height and width.
template <class S, class T>
__device__ inline void warp(const S *images, const T *maps, const T *y, const T *x, T *out, long long size, int height,
                            int width, int channels, int own) {
    long long place = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= size) return;
    long long line = place / width, image = line / height;
    int row = (int)(line % height), column = (int)(place % width);
    const T *m = maps + image * 9;
    T down = y[own ? place : row], right = x[own ? place : column];
    Beside<T> rows = beside(m[0] * down + m[1] * right + (m[2] + (T)(height - 1) / 2), height);
    Beside<T> columns = beside(m[3] * down + m[4] * right + (m[5] + (T)(width - 1) / 2), width);
    for (int channel = 0; channel < channels; ++channel) {
        T sum = 0;
        for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j) {
                long long source = (image * height + rows.pixel[i]) * width + columns.pixel[j];
                sum += (T)images[source * channels + channel] * (rows.weight[i] * columns.weight[j]);
            }
        out[place * channels + channel] = sum;
    }
}

#define WARP(S, FROM, T)                                                                                            \
    extern "C" __global__ void __launch_bounds__(256) warp_##FROM##_##T(                                            \
        const S *images, const T *maps, const T *y, const T *x, T *out, long long size, int height, int width,      \
        int channels, int own) {                                                                                    \
        warp<S, T>(images, maps, y, x, out, size, height, width, channels, own);                                    \
    }

WARP(unsigned char, uint8, float)
WARP(float, float32, float)
WARP(unsigned char, uint8, double)
WARP(float, float32, double)
WARP(double, float64, double)
