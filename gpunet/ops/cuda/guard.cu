// Arrays that a step has changed get their old numbers back, for members that are not allowed to keep the new ones.
// Grid: x covers the 4-byte words of a member, y the members.
extern "C" __global__ void put_back(const bool *allowed, unsigned *words, const unsigned *before, long long count) {
    long long word = (long long)blockIdx.x * blockDim.x + threadIdx.x, place = blockIdx.y * count + word;
    if (word < count && !allowed[blockIdx.y]) words[place] = before[place];
}
