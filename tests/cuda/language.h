// What CUDA C++ has and C++ has not, for kernels that run on a processor; who runs them is in another header.
#pragma once
#include <math.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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

#define GPUNET_EMULATED 1

using std::isfinite;

struct Place { unsigned x, y, z; };
static Place blockIdx, blockDim, gridDim;

template <class A, class B> inline auto min(A a, B b) { return a < b ? a : b; }
template <class A, class B> inline auto max(A a, B b) { return a < b ? b : a; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}

template <class... A, size_t... I>
static void call(void (*function)(A...), void **given, std::index_sequence<I...>) {
    function(*(std::remove_cv_t<A> *)given[I]...);
}
